"""The mutations of each noun, with their inputs and payloads."""
