"""A mutation as one transaction, with its events."""
