"""Rules on values and single records: pure functions, no database."""
