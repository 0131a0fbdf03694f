"""How a Strawberry field names what resolves it."""
