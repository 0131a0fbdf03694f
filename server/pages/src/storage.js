// What GraphiQL stores in the browser, under our own prefix: another application on this port may use GraphiQL, too.
const OURS = "dealboard:";
const WORK = ["tabState", "query", "variables", "headers", "operationName"].map((name) => `graphiql:${name}`);
const HISTORY = ["queries", "favorites"].map((name) => `graphiql:${name}`);

// The storage of theme, layout and history; and, with `work`, of the tabs. Null where the browser has no storage.
// Headers are never stored: items of the history are restored with `headers`.
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

// The headers survive a reload, but not the window, so that no token stays behind in the browser.
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
      // The user then enters them again after a reload.
    }
  },
};

// The history with `headers` in each of its items, or without any.
function withHeaders(history, headers) {
  const changed = (_, value) => (Array.isArray(value) ? value.map((item) => ({ ...item, headers })) : value);
  return JSON.stringify(JSON.parse(history, changed));
}
