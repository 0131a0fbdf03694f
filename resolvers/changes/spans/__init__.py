"""What leads and stages were at each number of the event log: written with each change, and found out for the past."""
