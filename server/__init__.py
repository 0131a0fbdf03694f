"""Serves the API: the ASGI application, authentication, settings, the command line, pages, embedded PostgreSQL."""
