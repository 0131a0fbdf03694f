"""Asking for what is refused."""

from typing import Any

import pytest

from engine.errors import RequestError
from tests.support.world import World


async def refusals(world: World, query: str, given: dict[str, Any]) -> list[str]:
    """The messages of a report that is refused as a whole."""
    with pytest.raises(RequestError) as found:
        await world.api(query, given, organisation=world.organisation)
    assert {error.formatted["extensions"]["code"] for error in found.value.errors} == {"BAD_USER_INPUT"}
    return [error.message for error in found.value.errors]
