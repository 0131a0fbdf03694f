"""Changes of contacts and customers."""
