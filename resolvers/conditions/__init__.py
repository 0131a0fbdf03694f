"""Conditions on a lead: fields, operators, the tree, and their SQL."""
