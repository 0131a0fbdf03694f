"""A compiled statement, with what its parameters are bound to in each execution."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from engine.caller import Caller
from engine.read.slots import BadInput, Binder
from models.database import Statement
from models.rules.text import unstorable


@dataclass(frozen=True, eq=False)
class BoundStatement:
    """A statement, and the sources of its parameters."""

    statement: Statement
    binders: Mapping[str, Binder]
    filtered: bool = False
    """Whether a list of it is filtered: then its best plan may depend on the values."""

    def arguments(
        self, variables: Mapping[str, Any], caller: Caller, *, sends_mail: bool = False, **more: Any
    ) -> list[Any]:
        """The positional arguments for one execution. Raises `BadInput` with all invalid values."""
        bound = self.statement.given
        known = {
            "org_id": caller.org_id,
            "subject": caller.subject,
            "role": caller.role.value,
            "organisation": caller.organisation,
            "sends_mail": sends_mail,
        }
        values = {name: value for name, value in known.items() if name in bound} | more
        # Values that the statement does not bind are checked as well: an invalid value is always refused.
        wrong: list[BadInput] = []
        for name, get in self.binders.items():
            try:
                value = _sendable(get(variables))
            except BadInput as found:
                wrong.append(found)
            else:
                if name in bound:
                    values[name] = value
        if wrong:
            raise BadInput.together(wrong)
        return self.statement.arguments(values)


def _sendable(value: Any) -> Any:
    """A value, or a list of values, that PostgreSQL accepts."""
    for text in value if isinstance(value, list) else (value,):
        if isinstance(text, str) and (wrong := unstorable(text)):
            raise BadInput(wrong)
    return value
