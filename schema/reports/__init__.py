"""Reports: their types, arguments and queries."""
