"""Scores: the rules that give points to leads, with their changes."""
