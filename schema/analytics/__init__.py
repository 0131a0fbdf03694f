"""The past as it is published: boards as they were, and what changed between two moments."""
