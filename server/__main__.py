"""`python -m server` is the command line."""

from server.process.cli import main

main()
