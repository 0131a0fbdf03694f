"""Identifies callers: tokens, keys and revoked access."""
