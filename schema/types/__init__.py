"""The object types and enums of the API."""
