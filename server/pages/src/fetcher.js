// Sends operations: queries and mutations by POST, subscriptions over graphql-transport-ws. The content of the headers
// editor is sent as headers, or as the payload of `connection_init`, so an edited token is used immediately.
import { getOperationAST, parse } from "graphql";
import { createClient } from "graphql-ws";

const FORBIDDEN = 4403;
const UNREACHABLE = "the server cannot be reached";
const socketUrl = new URL("/graphql", window.location.href);
socketUrl.protocol = socketUrl.protocol === "https:" ? "wss:" : "ws:";

let socket = { key: null, client: null };

// The fetcher of GraphiQL, which requests the schema before its editors exist: then with the headers `atFirst`.
export function createFetcher(atFirst) {
  let first = true;
  return (params, { headers } = {}) => {
    const given = headers ?? (first ? atFirst : {});
    first = false;
    const operation = operationOf(params);
    const asked = { ...params, operationName: operation?.name?.value ?? params.operationName };
    return operation?.operation === "subscription" ? subscribe(asked, given) : send(asked, given);
  };
}

// The operation to run, from the text itself: what GraphiQL passes is stale when a tab was just changed.
function operationOf({ query, operationName }) {
  try {
    const document = parse(query);
    return getOperationAST(document, operationName) ?? getOperationAST(document);
  } catch {
    return null; // The server reports what is wrong with it.
  }
}

export async function send(params, headers, signal) {
  const response = await fetch("/graphql", {
    method: "POST",
    headers: { accept: "application/graphql-response+json", "content-type": "application/json", ...headers },
    body: JSON.stringify(params),
    signal,
  });
  const text = await response.text();
  try {
    return JSON.parse(text);
  } catch {
    throw new Error(`The response is not JSON (${response.status} ${response.statusText}): ${text.slice(0, 200)}`);
  }
}

// Not an async generator: its `return` would wait for the next event before it ends the subscription.
function subscribe(params, headers) {
  const asked = { ...params, variables: { ...params.variables } };
  const events = client(headers).iterate(asked);
  return {
    [Symbol.asyncIterator]() {
      return this;
    },
    next: () => events.next().then(goingOn(asked), (failure) => Promise.reject(explained(failure))),
    return: () => events.return(),
    throw: (failure) => events.throw(failure),
  };
}

// After a lost connection the client sends the operation again, with `after` as the last event that was shown.
function goingOn({ variables }) {
  return (result) => {
    const [event] = Object.values(result.value?.data ?? {});
    if (event?.cursor && "after" in variables) {
      variables.after = event.cursor;
    }
    return result;
  };
}

// One socket for as long as the headers stay the same.
function client(headers) {
  const key = JSON.stringify(headers);
  if (socket.key !== key) {
    socket.client?.dispose();
    // A refused token is shown immediately and not retried; a server that restarts or cannot be reached is retried.
    const shouldRetry = (failure) => failure.code !== FORBIDDEN;
    socket = { key, client: createClient({ url: socketUrl.href, connectionParams: headers, shouldRetry }) };
  }
  return socket.client;
}

// A closed socket has a code and a reason; GraphiQL shows the message of an error.
function explained(failure) {
  if (failure instanceof CloseEvent) {
    return { message: `The socket was closed (${failure.code}): ${failure.reason || UNREACHABLE}` };
  }
  return failure instanceof Event ? { message: UNREACHABLE } : failure;
}
