// Follows the stage changes of an organisation and misses none: through drains, restarts, cut networks, expired tokens
// and history that is gone. Prints one JSON line for each: {"snapshot": …} when it begins, then {"event": …}.
//
//     node dist/follow.js [cursor]     # with a cursor: goes on after it, without a snapshot
//
// DEALBOARD_URL, DEALBOARD_ORG and DEALBOARD_TOKEN_FILE (or DEALBOARD_TOKEN) say where and as whom.

import { readFile } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { createClient, type FormattedExecutionResult, type SubscribePayload } from "graphql-ws";
import WebSocket from "ws";

type Snapshot = { cursor: string; pipelines: unknown[] };
type StageChanged = { cursor: string };

// The cursor and the records stand in one operation, so both are of the same instant.
const SNAPSHOT = `{ cursor pipelines { id name stages { id name totals { count } } } }`;
const STAGE_CHANGED = `subscription ($after: String!) {
  stageChanged(after: $after) { cursor occurredAt lead { id title } fromStage { id name } toStage { id name } }
}`;

const LONGEST_WAIT = 30_000;
const ANSWER_WITHIN = 5_000;
const HOPELESS = new Set([4400, 4406, 4409, 4429]); // we do not speak the protocol: it will not get better
const PASSING = new Set(["SERVICE_UNAVAILABLE", "INTERNAL_SERVER_ERROR", "RATE_LIMITED", "TOO_MANY_SUBSCRIPTIONS"]);

const { DEALBOARD_URL = "ws://127.0.0.1:8000/graphql", DEALBOARD_ORG: orgid = "demo" } = process.env;

/** A token that is good now. A real application asks its identity provider; what it must not do is keep an old one. */
async function token(): Promise<string> {
  const { DEALBOARD_TOKEN_FILE: file, DEALBOARD_TOKEN: fixed = "" } = process.env;
  return file ? (await readFile(file, "utf8")).trim() : fixed;
}

let silence: NodeJS.Timeout | undefined;
const client = createClient({
  url: DEALBOARD_URL,
  webSocketImpl: WebSocket,
  connectionParams: async () => ({ Authorization: `Bearer ${await token()}`, orgid }), // asked anew for each connection
  connectionAckWaitTimeout: ANSWER_WITHIN,
  // graphql-ws can connect again by itself, but it gives up after codes that pass, and cannot read a new snapshot.
  // So each failure ends the operation here, and `follow` decides.
  retryAttempts: 0,
  // A network that was cut says nothing: only an unanswered ping does.
  keepAlive: 10_000,
  on: {
    ping: (received) => {
      if (!received) silence = setTimeout(() => client.terminate(), ANSWER_WITHIN);
    },
    pong: (received) => {
      if (received) clearTimeout(silence);
    },
    closed: () => clearTimeout(silence),
  },
});

/** Run an operation until it has ended; rejects with the GraphQL errors, or with what closed the connection. */
function run<Data>(payload: SubscribePayload, take: (data: Data) => void): Promise<void> {
  return new Promise((resolve, reject) => {
    const next = ({ data, errors }: FormattedExecutionResult<Data>) => {
      if (data && !errors) return take(data);
      stop();
      reject(errors);
    };
    const stop = client.subscribe<Data>(payload, { next, error: reject, complete: resolve });
  });
}

/** Report everything after a cursor; without one, begin with a snapshot. Ends only when trying again is of no use. */
async function follow(after: string | undefined, report: (line: object) => void): Promise<never> {
  for (let failures = 0; ; failures++) {
    const began = Date.now();
    try {
      if (after === undefined) {
        await run<Snapshot>({ query: SNAPSHOT }, (snapshot) => {
          report({ snapshot });
          after = snapshot.cursor;
        });
      }
      const payload = {
        query: STAGE_CHANGED,
        // Read whenever the operation is sent. graphql-ws sends it again by itself when a connection was closed
        // with 1000, and variables that are fixed would bring back everything since the first cursor.
        get variables() {
          return { after };
        },
      };
      await run<{ stageChanged: StageChanged }>(payload, ({ stageChanged: event }) => {
        report({ event });
        after = event.cursor; // only now: what was not reported has to come again
        failures = 0;
      });
    } catch (failure) {
      const codes = Array.isArray(failure) ? failure.map((error) => error.extensions?.code) : [];
      if (codes.includes("CURSOR_EXPIRED")) after = undefined; // what follows is no longer kept: look at what is now
      else if (codes.length > 0 ? !codes.some((code) => PASSING.has(code)) : HOPELESS.has(code(failure))) throw failure;
      console.error(`${codes[0] || why(failure) || "connection lost"}: coming back`);
    }
    if (Date.now() - began > LONGEST_WAIT) failures = 0; // it was good for a while, though nothing happened
    // Anything up to twice as long each time: a thousand clients of one server must not come back at the same moment.
    await sleep(Math.random() * Math.min(LONGEST_WAIT, 250 * 2 ** failures));
  }
}

/** The code that closed the connection, if there is one. */
function code(failure: unknown): number {
  return (failure as { code?: number } | undefined)?.code ?? 0;
}

/** The code and the reason with which the connection was closed, if it was. */
function why(failure: unknown): string {
  const { code = "", reason = "" } = (failure ?? {}) as { code?: number; reason?: string };
  return `${code} ${reason}`.trim();
}

await follow(process.argv[2], (line) => console.log(JSON.stringify(line)));
