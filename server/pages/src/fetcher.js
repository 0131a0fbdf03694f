// Sends operations: queries and mutations by POST, subscriptions over graphql-transport-ws. The headers of the editor
// are the request's headers there, and the payload of `connection_init` here; so an edited token counts at once.
import { getOperationAST } from "graphql";
import { createClient } from "graphql-ws";

const socketUrl = new URL("/graphql", window.location.href);
socketUrl.protocol = socketUrl.protocol === "https:" ? "wss:" : "ws:";

let socket = { key: null, client: null };

function client(headers) {
  const key = JSON.stringify(headers);
  if (socket.key !== key) {
    socket.client?.dispose();
    // A person watches: a refusal is shown at once, not tried again behind the scenes.
    socket = { key, client: createClient({ url: socketUrl.href, connectionParams: headers, retryAttempts: 0 }) };
  }
  return socket.client;
}

// The fetcher of GraphiQL. `initial` stands in while the editor is not there yet, for the first introspection.
export function createFetcher(initial) {
  return (params, { headers = initial, documentAST } = {}) => {
    if (documentAST && getOperationAST(documentAST, params.operationName)?.operation === "subscription") {
      return subscribe(params, headers);
    }
    return send(params, headers);
  };
}

// A closed socket tells why in its code and reason; GraphiQL shows the message of an error.
async function* subscribe(params, headers) {
  try {
    yield* client(headers).iterate(params);
  } catch (failure) {
    throw failure instanceof CloseEvent ? new Error(`The socket was closed: ${failure.code} ${failure.reason}`) : failure;
  }
}

export async function send(params, headers) {
  const response = await fetch("/graphql", {
    method: "POST",
    headers: { accept: "application/graphql-response+json", "content-type": "application/json", ...headers },
    body: JSON.stringify(params),
  });
  return response.json();
}
