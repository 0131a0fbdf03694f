"""From which size on a change becomes a run, and the size of its batches."""

AT_ONCE = 500
"""Leads that a change writes in its request; with more of them it starts a run."""

BATCH = 500
"""Leads in a batch of a run."""
