"""Changes of what is the caller's alone: notifications, what they are wanted for, and the calendar feed."""
