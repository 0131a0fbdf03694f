"""Errors of the command line: one line that says how to fix them."""

from collections.abc import Coroutine
from typing import Any, TypeVar

import uvloop

from engine.errors import RequestError
from server.settings import Settings, WrongSettings, load_settings

T = TypeVar("T")


class Fault(Exception):
    """An error of one line; the command then ends with status 2."""


def run(work: Coroutine[Any, Any, T]) -> T:
    """Run to the end. Expected failures become a `Fault`."""
    try:
        return uvloop.run(work)
    except WrongSettings as wrong:
        raise Fault(str(wrong)) from wrong
    except RequestError as wrong:
        raise Fault("; ".join(error.message for error in wrong.errors)) from wrong


def settings_for(**given: Any) -> Settings:
    """The settings, overridden by `given`. Raises `Fault`."""
    try:
        return load_settings(**given)
    except WrongSettings as wrong:
        raise Fault(str(wrong)) from wrong


def settings_for_work() -> Settings:
    """The settings of commands that verify no token. Where none could be verified, those of demo mode."""
    try:
        return load_settings()
    except WrongSettings as wrong:
        if "can be verified" not in str(wrong):
            raise Fault(str(wrong)) from wrong
    return settings_for(demo=True)
