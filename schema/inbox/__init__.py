"""What a member is notified of: types and changes."""
