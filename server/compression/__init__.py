"""Compression of answers: which coding a client gets, and the work, which never holds the event loop."""
