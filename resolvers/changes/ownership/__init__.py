"""Who owns what: assigning, pools and routing."""
