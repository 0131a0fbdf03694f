"""Changes of what forecasts are compared with: quotas and submissions."""
