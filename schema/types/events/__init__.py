"""What all types of events have in common."""
