"""The parts of the soak test: what is run, who writes, who listens, and what is done to them."""
