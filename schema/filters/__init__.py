"""The inputs that filter and sort lists."""
