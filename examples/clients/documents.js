// The documents of relay.js. `relay-compiler` reads them, and writes what relay.js imports and the trusted documents.

import { graphql } from "relay-runtime";

graphql`
  query documentsLeadsQuery($first: Int, $after: Cursor) {
    cursor
    leads(first: $first, after: $after) @connection(key: "documents_leads") {
      edges {
        node {
          id
          title
        }
      }
    }
  }
`;

graphql`
  mutation documentsRenameMutation($input: UpdateLeadInput!) {
    updateLead(input: $input) {
      lead {
        id
        title
      }
      userErrors {
        message
      }
    }
  }
`;

graphql`
  subscription documentsRenamedSubscription($after: String) {
    events(after: $after, types: [LEAD_UPDATED]) {
      id
      lead {
        id
        title
      }
    }
  }
`;
