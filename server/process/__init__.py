"""The process: command line, database, workers, demo and imports."""
