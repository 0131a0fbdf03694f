"""Scoring leads: the rules of a pipeline are set, and leads are scored by them."""
