"""The CRM: reads as SQL expressions, and changes as one transaction each. Knows no GraphQL types."""
