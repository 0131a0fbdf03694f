"""Arguments whose values arrive with each execution: the places where a compiled read binds them."""

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import bindparam
from sqlalchemy.types import TypeEngine

from engine.read.json_text import Expression


class BadInput(Exception):
    """An invalid value from the caller. The message says what to do; the path leads to it, from its argument on."""

    others: Sequence["BadInput"] = ()
    """The invalid values that were found with it."""

    def __init__(self, message: str, *path: str) -> None:
        super().__init__(message)
        self.message = message
        self.path = [int(part) if part.isdecimal() else part for part in path]

    @classmethod
    def at(cls, name: str, what: object) -> "BadInput":
        """An invalid value at a dotted path, `filter.assigneeId`, which the message names first."""
        return cls(f"{name}: {what}", *name.split("."))

    @classmethod
    def together(cls, found: Iterable["BadInput"]) -> "BadInput":
        """The first of these, with the others; each once."""
        first, *first.others = {wrong.message: wrong for wrong in found}.values()
        return first


Binder = Callable[[Mapping[str, Any]], Any]
"""Reads the value of a parameter from the variables."""

Register = Callable[[Binder, Hashable | None], str]
"""Takes the binder of a parameter, and a key that it shares with all that read the same; returns the parameter's
name."""

Source = tuple[str | int, ...]
"""A variable, and the path to a value in it."""


@dataclass(frozen=True)
class Slot:
    """The place of a scalar argument in a compiled read; its value arrives with each execution.

    A resolver can bind it into SQL, but not read it, so a statement never depends on a value. What may change the shape
    of the SQL (null or not, enum values, booleans, the order a cursor belongs to) is known when it is compiled.
    """

    name: str
    get: Binder
    register: Register
    shape: Any = None
    source: Source | None = None
    """Where in the variables the value stands; None for a value of the document."""

    def bind(self, type_: TypeEngine[Any], parse: Callable[..., Any] | None = None, *given: Any) -> Expression:
        """A bound parameter. `parse` turns `given` and the argument into what asyncpg expects; it may raise
        `ValueError`.

        A variable that is parsed by the same function in several places is one parameter: a list of ids is parsed once
        for each execution, however many fields it filters.
        """
        get = self.get

        def value(variables: Mapping[str, Any]) -> Any:
            found = get(variables)
            try:
                return found if parse is None else parse(*given, found)
            except ValueError as error:
                raise BadInput.at(self.name, error) from error

        use = None if self.source is None else (self.source, self.name, parse, given, repr(type_))
        return bindparam(self.register(value, use), type_=type_)


Args = Mapping[str, Any]
"""The arguments of a field: scalars as `Slot`s, enums and booleans as they are, inputs as mappings."""
