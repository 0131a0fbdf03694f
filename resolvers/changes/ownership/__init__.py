"""Who works on what: assigning, pools and routing."""
