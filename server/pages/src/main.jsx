// GraphiQL for Dealboard: the headers editor applies to every request, over HTTP and over the socket.
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
  // GraphiQL requests the schema whenever its `fetcher` or its `onSchemaChange` changes.
  const fetcher = useMemo(() => createFetcher(parsed(headers) ?? {}), [attempt]);
  const onSchemaChange = useCallback(() => {
    schema.current.known = true;
    if (schema.current.retried) {
      setResponse(""); // It still shows why the schema could not be loaded.
    }
  }, []);

  // New tabs start with the edited headers. While there is no schema, it is requested again with them.
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
