"""Reports: what was won and lost, by whom, and where it came from."""
