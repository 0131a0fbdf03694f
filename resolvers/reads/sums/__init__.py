"""What reports are made of: rows that are summed up, and amounts in one currency."""
