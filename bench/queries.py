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
