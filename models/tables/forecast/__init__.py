"""What forecasts are made of besides leads: exchange rates, quotas and submissions."""
