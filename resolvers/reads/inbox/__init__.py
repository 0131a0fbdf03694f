"""Reading what the caller is notified of."""
