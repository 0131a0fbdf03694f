"""Reading tasks: lists, filters, counts and due dates."""
