"""Attackers and their victim, for `python -m bench.neighbours`."""
