// GraphiQL for Dealboard: what stands in the headers editor goes with every request, over HTTP and over the socket.
import "graphiql/style.css";
import "./page.css";
import { GraphiQL } from "graphiql";
import { createRoot } from "react-dom/client";
import { createFetcher, send } from "./fetcher.js";

const page = JSON.parse(document.getElementById("page").textContent);
const initial = page.demo ? JSON.parse(page.headers) : {};

// In demo mode the example that moves a lead names one that is there, and the stage after the one it stands in.
async function move() {
  const query = "{ pipelines(type: OPPORTUNITY) { stages { id leads(first: 1) { nodes { id } } } } }";
  const answer = await send({ query }, initial);
  for (const { stages } of answer.data?.pipelines ?? []) {
    const at = stages.findIndex((stage) => stage.leads.nodes.length > 0);
    if (at >= 0 && at + 1 < stages.length) {
      return { input: { leadId: stages[at].leads.nodes[0].id, stageId: stages[at + 1].id } };
    }
  }
  return {};
}

const variables = page.demo ? JSON.stringify(await move().catch(() => ({})), null, 2) : undefined;
const tabs = page.examples.map((query) => ({
  query,
  headers: page.headers,
  variables: query.includes("$input") ? variables : undefined,
}));

createRoot(document.getElementById("graphiql")).render(
  <GraphiQL
    fetcher={createFetcher(initial)}
    defaultHeaders={page.headers}
    defaultTabs={tabs.length ? tabs : undefined}
    defaultEditorToolsVisibility={page.demo ? "variables" : "headers"}
    shouldPersistHeaders={false}
    storage={null}
  >
    <GraphiQL.Logo>Dealboard</GraphiQL.Logo>
  </GraphiQL>,
);
