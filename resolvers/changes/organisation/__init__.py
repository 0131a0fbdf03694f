"""Changes of members and their access."""
