"""The days and months that reports are about."""
