// What every client here shares: where the server is, the socket, and how it reports, a line of JSON at a time.

import { createClient } from "graphql-ws";
import WebSocket from "ws";

export const url = process.env.DEALBOARD_URL;
export const headers = {
  Authorization: `Bearer ${process.env.DEALBOARD_TOKEN}`,
  orgid: process.env.DEALBOARD_ORG,
};

export const say = (line) => console.log(JSON.stringify(line));

export const socket = createClient({
  url: process.env.DEALBOARD_SOCKET_URL,
  connectionParams: headers,
  webSocketImpl: WebSocket,
  retryAttempts: Infinity,
  shouldRetry: () => true,
  retryWait: () => new Promise((resolve) => setTimeout(resolve, 50)),
});

/** Calls `handle` once for each event: after a reconnect the same variables are sent, and events come again. */
export const once = (handle) => {
  const seen = new Set();
  return (event) => {
    if (!seen.has(event.id)) {
      seen.add(event.id);
      handle(event);
    }
  };
};

export const post = async (body) => {
  const answer = await fetch(url, {
    method: "POST",
    headers: { ...headers, "content-type": "application/json" },
    body: JSON.stringify(body),
  });
  return answer.json();
};

process.stdin.once("data", () => process.exit(0));
