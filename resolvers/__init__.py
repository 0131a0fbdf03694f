"""What is asked and what is done: reads as SQL expressions, changes as one transaction. Knows no GraphQL types."""
