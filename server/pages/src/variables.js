// The variables of the examples, from the demo data: a lead that can be moved, and the current cursor.
import { send } from "./fetcher.js";

const QUERY = "{ cursor pipelines(type: OPPORTUNITY) { stages { id leads(first: 1) { nodes { id } } } } }";
const PATIENCE = 2000;
const UNKNOWN = { after: null, input: { leadId: "lead_…", stageId: "stage_…" } };

export async function findVariables(headers) {
  try {
    const { data } = await send({ query: QUERY }, headers, AbortSignal.timeout(PATIENCE));
    return { after: data.cursor, input: data.pipelines.map(nextMove).find(Boolean) ?? UNKNOWN.input };
  } catch {
    // The page works without variables for its examples.
    return UNKNOWN;
  }
}

// The variables that the operation declares, as GraphiQL shows them.
export function variablesOf(query, all) {
  const declared = Object.entries(all).filter(([name]) => query.includes(`$${name}:`));
  return declared.length ? JSON.stringify(Object.fromEntries(declared), null, 2) : undefined;
}

// The first lead of the first stage with leads, and the next stage.
function nextMove({ stages }) {
  const at = stages.findIndex((stage) => stage.leads.nodes.length > 0);
  if (at < 0 || at + 1 >= stages.length) {
    return null;
  }
  return { leadId: stages[at].leads.nodes[0].id, stageId: stages[at + 1].id };
}
