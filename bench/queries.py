"""The GraphQL operations that are measured."""

BOARD = """
query Board($id: ID!, $first: Int) {
  pipeline(id: $id) {
    id
    name
    stages {
      id
      name
      kind
      totals { count values { currency value weightedValue } }
      leads(first: $first) {
        nodes {
          id
          title
          value
          currency
          expectedCloseDate
          version
          contact { id name }
          owner { id name }
          nextTask { id title dueAt }
        }
        pageInfo { hasNextPage endCursor }
      }
    }
  }
}
"""

LEAD = """
query Lead($id: ID!) {
  lead(id: $id) { id title value currency version stage { id name } owner { id name } }
}
"""

MOVE = """
mutation Move($input: MoveLeadInput!) {
  moveLead(input: $input) {
    lead { id version stage { id name } }
    userErrors { code message field }
  }
}
"""

CHANGE = """
mutation Change($input: TYPEInput!) {
  NAME(input: $input) {
    lead { id version stage { id name } }
    userErrors { code message field }
  }
}
"""

TIMELINE = """
query Timeline($id: ID!, $first: Int, $after: Cursor) {
  lead(id: $id) {
    id
    timeline(first: $first, after: $after) {
      nodes {
        __typename
        eventId
        type
        occurredAt
        mutation
        actor { id name }
        changes { field before after }
        ... on StageChanged { fromStage { id name } toStage { id name } }
        ... on LeadAssigned { toOwner { id name } }
        ... on ActivityLogged { activity { id type subject } }
      }
      pageInfo { hasNextPage endCursor }
    }
  }
}
"""

TASKS = """
query Tasks($first: Int, $after: Cursor) {
  tasks(filter: { mine: true, status: OPEN }, first: $first, after: $after) {
    nodes { id title dueAt priority overdue lead { id title } assignee { id name } }
    pageInfo { hasNextPage endCursor }
  }
}
"""
