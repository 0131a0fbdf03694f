"""Money over time: exchange rates, quotas and forecasts, with their changes."""
