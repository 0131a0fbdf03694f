// What GraphiQL keeps in the browser, under a name of ours: another application on this port may have a GraphiQL, too.
const OURS = "dealboard:";
const WORK = ["tabState", "query", "variables", "headers", "operationName"].map((name) => `graphiql:${name}`);
const HISTORY = ["queries", "favorites"].map((name) => `graphiql:${name}`);

// Where GraphiQL keeps theme, layout and history; and, with `work`, the tabs. Null where the browser keeps nothing.
// Headers are never kept: what comes back from the history has these `headers`.
export function createStorage({ work, headers }) {
  try {
    localStorage.getItem(OURS);
  } catch {
    return null;
  }
  const own = () => Object.keys(localStorage).filter((key) => key.startsWith(OURS));
  return {
    getItem(key) {
      const kept = work || !WORK.includes(key) ? localStorage.getItem(OURS + key) : null;
      return kept && HISTORY.includes(key) ? withHeaders(kept, headers) : kept;
    },
    setItem: (key, value) => localStorage.setItem(OURS + key, HISTORY.includes(key) ? withHeaders(value) : value),
    removeItem: (key) => localStorage.removeItem(OURS + key),
    clear: () => own().forEach((key) => localStorage.removeItem(key)),
    get length() {
      return own().length;
    },
  };
}

// The headers outlive a reload, but not the window: a token is not left behind in the browser.
export const lastHeaders = {
  get() {
    try {
      return sessionStorage.getItem(`${OURS}headers`);
    } catch {
      return null;
    }
  },
  set(headers) {
    try {
      sessionStorage.setItem(`${OURS}headers`, headers);
    } catch {
      // They are then asked for again.
    }
  },
};

// A history holds one list; this is it with these headers, or none, in each of its items.
function withHeaders(history, headers) {
  const changed = (_, value) => (Array.isArray(value) ? value.map((item) => ({ ...item, headers })) : value);
  return JSON.stringify(JSON.parse(history, changed));
}
