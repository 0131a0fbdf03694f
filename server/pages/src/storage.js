// What GraphiQL keeps in the browser, under a name of ours: another application on this port may have a GraphiQL, too.
const OURS = "dealboard:";
const WORK = ["tabState", "query", "variables", "headers", "operationName"].map((name) => `graphiql:${name}`);

// Where GraphiQL keeps theme, history and layout; and, with `work`, the tabs. Null where the browser keeps nothing.
export function createStorage({ work }) {
  try {
    localStorage.getItem(OURS);
  } catch {
    return null;
  }
  const own = () => Object.keys(localStorage).filter((key) => key.startsWith(OURS));
  return {
    getItem: (key) => (work || !WORK.includes(key) ? localStorage.getItem(OURS + key) : null),
    setItem: (key, value) => localStorage.setItem(OURS + key, value),
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
