"""What one caller may take of what all share: connections, compile time, rows, bytes of an answer."""
