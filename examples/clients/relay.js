// Relay: a connection, a mutation and a subscription that change the store, all by the ids of trusted documents.

import { commitMutation, createOperationDescriptor, Environment, fetchQuery, getRequest, Network } from "relay-runtime";
import { Observable, RecordSource, requestSubscription, Store } from "relay-runtime";

import LeadsQuery from "./__generated__/documentsLeadsQuery.graphql.js";
import RenamedSubscription from "./__generated__/documentsRenamedSubscription.graphql.js";
import RenameMutation from "./__generated__/documentsRenameMutation.graphql.js";
import { once, post, say, socket } from "./shared.js";

const fetchFunction = ({ id }, variables) => post({ documentId: id, variables });
const subscribe = ({ id }, variables) =>
  Observable.create((sink) => socket.subscribe({ documentId: id, query: "", variables }, sink));
const environment = new Environment({
  network: Network.create(fetchFunction, subscribe),
  store: new Store(new RecordSource()),
});

const operation = createOperationDescriptor(getRequest(LeadsQuery), { first: 2 });
environment.retain(operation);
const shown = () => environment.lookup(operation.fragment).data.leads;
const { cursor } = await fetchQuery(environment, LeadsQuery, { first: 2 }).toPromise();
while (shown().pageInfo.hasNextPage) {
  await fetchQuery(environment, LeadsQuery, { first: 2, after: shown().pageInfo.endCursor }).toPromise();
}
say({ titles: shown().edges.map(({ node }) => node.title) });
const [{ node: first }] = shown().edges;
const cached = () => shown().edges[0].node.title;

const handle = once(({ lead }) => say({ event: lead.title, cached: cached() }));
requestSubscription(environment, {
  subscription: RenamedSubscription,
  variables: { after: cursor },
  onNext: ({ events }) => handle(events),
});

commitMutation(environment, {
  mutation: RenameMutation,
  variables: { input: { leadId: first.id, title: "Renamed" } },
  onCompleted: ({ updateLead }) => say({ renamed: updateLead.lead.title, cached: cached() }),
});
