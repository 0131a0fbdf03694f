"""The edge: connections, and the bytes that arrive before there is a request."""
