"""Times of day of people, where they live."""
