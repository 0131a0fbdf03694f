"""What is published: Strawberry types, inputs, payloads and the three roots. Translates, decides nothing."""
