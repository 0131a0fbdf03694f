// urql with Graphcache: pages by edges, a mutation that changes the cache, persisted queries, and a subscription.

import { Client, fetchExchange, gql, subscriptionExchange } from "@urql/core";
import { cacheExchange } from "@urql/exchange-graphcache";
import { relayPagination } from "@urql/exchange-graphcache/extras";
import { persistedExchange } from "@urql/exchange-persisted";
import { getIntrospectionQuery } from "graphql";

import { headers, once, post, say, socket, url } from "./shared.js";

const schema = (await post({ query: getIntrospectionQuery({ descriptions: false }) })).data;
const roots = ["Query", "Mutation", "Subscription", "PageInfo"];
const whole = (type) => type.fields.some(({ name }) => ["id", "edges", "node"].includes(name)) || roots.includes(type.name);
const parts = schema.__schema.types.filter((type) => type.kind === "OBJECT" && !type.name.startsWith("__") && !whole(type));
const client = new Client({
  url,
  preferGetMethod: false,
  fetchOptions: () => ({ headers }),
  exchanges: [
    cacheExchange({
      schema,
      keys: Object.fromEntries(parts.map((type) => [type.name, () => null])),
      resolvers: { Query: { leads: relayPagination() } },
    }),
    persistedExchange({ preferGetForPersistedQueries: false }),
    fetchExchange,
    subscriptionExchange({
      forwardSubscription: (request) => ({
        subscribe: (sink) => ({ unsubscribe: socket.subscribe({ ...request, query: request.query ?? "" }, sink) }),
      }),
    }),
  ],
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
let variables = { first: 2 };
let { data } = await client.query(LEADS, variables).toPromise();
const { cursor } = data;
while (data.leads.pageInfo.hasNextPage) {
  variables = { first: 2, after: data.leads.pageInfo.endCursor };
  ({ data } = await client.query(LEADS, variables).toPromise());
}
say({ titles: data.leads.edges.map(({ node }) => node.title) });
const [{ node: first }] = data.leads.edges;
const cached = () => client.readQuery(LEADS, variables).data.leads.edges[0].node.title;

const RENAMED = gql`
  subscription Renamed($after: String) {
    events(after: $after, types: [LEAD_UPDATED]) {
      id
      lead {
        id
        title
      }
    }
  }
`;
const handle = once(({ lead }) => say({ event: lead.title, cached: cached() }));
client.subscription(RENAMED, { after: cursor }).subscribe((result) => handle(result.data.events));

const RENAME = gql`
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
`;
const renamed = await client.mutation(RENAME, { input: { leadId: first.id, title: "Renamed" } }).toPromise();
say({ renamed: renamed.data.updateLead.lead.title, cached: cached() });
