"""Reading the event log: subscriptions, timelines, and what each event says."""
