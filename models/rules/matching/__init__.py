"""Recognising companies and people: one set of functions, wherever records are found by name, domain or address."""
