"""Calendar feeds: a member's tasks for calendar programs."""
