"""Scores of leads: the rules that give points, and what they give to each lead."""
