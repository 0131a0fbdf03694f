"""Dealboard whose consumers are left to other processes: what they take from those who make changes."""

from typing import Any

from bench.dealboard import SETTINGS, Opened


def create_app(url: str) -> Any:
    """The application of server.app, with nothing that follows from events."""
    return Opened(url, SETTINGS.model_copy(update={"consumer_interval": 0}))
