"""Subscriptions: from the event log to the bytes that subscribers get."""
