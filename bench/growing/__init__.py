"""What the measurements of growth share."""
