"""How a Strawberry field names what answers it."""
