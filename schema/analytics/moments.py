"""How a moment of the past is named."""

import strawberry

from engine.publish.fields import optional
from engine.publish.scalars import DateTime


@strawberry.input(
    one_of=True,
    description="A moment of the past. A cursor names it exactly; an instant stands for the last event that was "
    "recorded at or before it.",
)
class AsOf:
    cursor: str | None = optional("The cursor of an event, from `cursor` or from anything that shows one.")
    at: DateTime | None = optional("An instant that has passed, from the first recorded event on.")
