"""What was, and how it became what it is."""
