"""Persisted documents: which the server knows by id, and which it runs."""
