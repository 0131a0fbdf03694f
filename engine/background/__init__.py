"""Work beside requests: changes that are too large for one of them, and what follows from events."""
