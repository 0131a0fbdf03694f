"""Measures Dealboard against the limit (hand-written SQL) and against the usual way (ORM and DataLoaders)."""
