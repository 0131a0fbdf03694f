// GraphiQL for Dealboard: what stands in the headers editor goes with every request, over HTTP and over the socket.
import "graphiql/style.css";
import "./page.css";
import { GraphiQL } from "graphiql";
import { useCallback, useMemo, useRef, useState } from "react";
import { createRoot } from "react-dom/client";
import { createFetcher } from "./fetcher.js";
import { createStorage, lastHeaders } from "./storage.js";
import { findVariables, variablesOf } from "./variables.js";

const NEW_TAB = "# Ctrl-Space completes, Ctrl-Enter runs.\n\n";

const page = JSON.parse(document.getElementById("page").textContent);
const firstHeaders = (!page.demo && lastHeaders.get()) || page.headers;
const storage = createStorage({ work: !page.demo, headers: firstHeaders });

function parsed(headers) {
  try {
    return JSON.parse(headers);
  } catch {
    return null;
  }
}

function App({ tabs }) {
  const [headers, setHeaders] = useState(firstHeaders);
  const [response, setResponse] = useState();
  const [attempt, setAttempt] = useState(0);
  const schema = useRef({ known: false, retried: false });
  // GraphiQL asks for the schema whenever it gets another fetcher, and whenever it gets another `onSchemaChange`.
  const fetcher = useMemo(() => createFetcher(parsed(headers) ?? {}), [attempt]);
  const onSchemaChange = useCallback(() => {
    schema.current.known = true;
    if (schema.current.retried) {
      setResponse(""); // It shows why there was no schema before.
    }
  }, []);

  // New headers are what new tabs start with. While there is no schema, they may be the ones that get it.
  function onEditHeaders(edited) {
    if (edited === headers || !parsed(edited)) {
      return;
    }
    setHeaders(edited);
    lastHeaders.set(edited);
    if (!schema.current.known) {
      schema.current.retried = true;
      setAttempt(attempt + 1);
    }
  }

  return (
    <GraphiQL
      fetcher={fetcher}
      defaultHeaders={headers}
      defaultTabs={tabs}
      defaultQuery={NEW_TAB}
      defaultEditorToolsVisibility={page.demo ? "variables" : "headers"}
      onEditHeaders={onEditHeaders}
      onSchemaChange={onSchemaChange}
      response={response}
      inputValueDeprecation
      schemaDescription
      shouldPersistHeaders={false}
      storage={storage}
    >
      <GraphiQL.Logo>Dealboard</GraphiQL.Logo>
    </GraphiQL>
  );
}

const variables = page.demo ? await findVariables(parsed(page.headers)) : {};
const tabs = page.operations.map((query) => ({
  query,
  headers: firstHeaders,
  variables: variablesOf(query, variables),
}));
createRoot(document.getElementById("graphiql")).render(<App tabs={tabs} />);
