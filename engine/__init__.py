"""GraphQL into one statement, one transaction, one stream, one run. Knows no lead."""
