"""Changes of tasks."""
