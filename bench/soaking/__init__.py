"""The parts of the soak test: the servers, the writers, the subscribers, and the disturbances."""
