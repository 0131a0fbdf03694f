"""Changes of leads."""
