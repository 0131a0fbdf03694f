"""What leads are found by: orders, parts of the filter, and conditions with their fields, operators, tree and SQL."""
