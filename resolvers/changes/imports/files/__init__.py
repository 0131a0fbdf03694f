"""What the texts of a file mean: encoding, delimiter, dates and amounts. Pure, so any way of importing can use it."""
