"""A query as one SQL statement that returns the finished JSON."""
