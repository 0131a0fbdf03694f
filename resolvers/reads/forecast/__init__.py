"""Reading money: exchange rates, quotas and forecasts."""
