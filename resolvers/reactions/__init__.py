"""What follows from what was done: consumers of the event log."""
