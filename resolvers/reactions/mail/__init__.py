"""Mail about notifications: when it is due, what it says, and sending it."""
