// Apollo Client: pages by edges, a mutation that changes the cache, automatic persisted queries, and a subscription.

import { createHash } from "node:crypto";

import { ApolloClient, ApolloLink, gql, HttpLink, InMemoryCache } from "@apollo/client";
import { PersistedQueryLink } from "@apollo/client/link/persisted-queries";
import { GraphQLWsLink } from "@apollo/client/link/subscriptions";
import { relayStylePagination } from "@apollo/client/utilities";
import { filter, firstValueFrom } from "rxjs";

import { headers, once, post, say, socket, url } from "./shared.js";

const { types } = (await post({ query: "{ __schema { types { name possibleTypes { name } } } }" })).data.__schema;
const possibleTypes = Object.fromEntries(
  types.filter((type) => type.possibleTypes).map((type) => [type.name, type.possibleTypes.map((one) => one.name)]),
);
const pages = relayStylePagination(["filter", "orderBy"]);
const persisted = new PersistedQueryLink({
  sha256: (text) => createHash("sha256").update(text).digest("hex"),
});
const client = new ApolloClient({
  cache: new InMemoryCache({ possibleTypes, typePolicies: { Query: { fields: { leads: pages } } } }),
  link: ApolloLink.split(
    ({ operationType }) => operationType === "subscription",
    new GraphQLWsLink(socket),
    persisted.concat(new HttpLink({ uri: url, headers })),
  ),
});

const LEADS = gql`
  query Leads($first: Int, $after: Cursor) {
    cursor
    leads(first: $first, after: $after) {
      edges {
        node {
          id
          title
        }
      }
      pageInfo {
        endCursor
        hasNextPage
      }
    }
  }
`;
const query = client.watchQuery({ query: LEADS, variables: { first: 2 } });
query.subscribe();
let { data } = await firstValueFrom(query.pipe(filter(({ dataState }) => dataState === "complete")));
const { cursor } = data;
while (data.leads.pageInfo.hasNextPage) {
  ({ data } = await query.fetchMore({ variables: { after: data.leads.pageInfo.endCursor } }));
}
const shown = () => client.readQuery({ query: LEADS, variables: { first: 2 } }).leads.edges;
say({ titles: shown().map(({ node }) => node.title) });
const [{ node: first }] = shown();
const cached = () => shown()[0].node.title;

const handle = once(({ lead }) => say({ event: lead.title, cached: cached() }));
client
  .subscribe({
    query: gql`
      subscription Renamed($after: String) {
        events(after: $after, types: [LEAD_UPDATED]) {
          id
          lead {
            id
            title
          }
        }
      }
    `,
    variables: { after: cursor },
  })
  .subscribe(({ data }) => handle(data.events));

const renamed = await client.mutate({
  mutation: gql`
    mutation Rename($input: UpdateLeadInput!) {
      updateLead(input: $input) {
        lead {
          id
          title
        }
        userErrors {
          message
        }
      }
    }
  `,
  variables: { input: { leadId: first.id, title: "Renamed" } },
});
say({ renamed: renamed.data.updateLead.lead.title, cached: cached() });
