"""How it is served: the ASGI application, authentication, settings, the command line, pages, embedded PostgreSQL."""
