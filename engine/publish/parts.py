"""Publishing inputs that are made from a table."""

from collections.abc import Mapping
from typing import Any

import strawberry

from engine.publish.fields import optional


def input_of(name: str, description: str, parts: Mapping[str, tuple[Any, str]]) -> Any:
    """An input with optional fields, each with its type and its description, by Python name."""
    annotations = {part: type_ | None for part, (type_, _) in parts.items()}
    fields = {part: optional(text) for part, (_, text) in parts.items()}
    return strawberry.input(type(name, (), {"__annotations__": annotations, **fields}), description=description)
