"""A writer moves its own leads from stage to stage, through any server that answers, each move exactly once."""

import asyncio
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import httpx2

from bench.soaking.house import HEADERS

MOVE = """
mutation ($input: MoveLeadInput!) { moveLead(input: $input) { lead { id } userErrors { code message } } }
"""

PAUSE = 0.2
"""Seconds between two moves of a writer, at most."""

RETRIED = {"SERVICE_UNAVAILABLE", "RATE_LIMITED"}
"""Refusals of a server that has lost its database: whether the move was committed is unknown then."""


@dataclass
class Writer:
    """One client that moves leads which no other client moves, so that each of its moves is into another stage."""

    urls: Callable[[], Sequence[str]]
    leads: list[str]
    stages: list[str]
    moved: list[tuple[str, str]] = field(default_factory=list)
    """Each lead and the stage that it went to, as answered."""
    retries: int = 0

    async def run(self, until: asyncio.Event) -> None:
        """Move leads until asked to stop. A move that has begun is finished."""
        places = dict.fromkeys(self.leads, 0)
        async with httpx2.AsyncClient(timeout=10, headers=HEADERS) as client:
            while not until.is_set():
                lead = random.choice(self.leads)
                places[lead] = (places[lead] + 1) % len(self.stages)
                given = {"leadId": lead, "stageId": self.stages[places[lead]], "idempotencyKey": str(uuid4())}
                await self._move(client, given)
                self.moved.append((lead, self.stages[places[lead]]))
                await asyncio.sleep(PAUSE * random.random())

    async def _move(self, client: httpx2.AsyncClient, given: dict[str, Any]) -> None:
        """Send a move until its outcome is known; the key makes sure that it is made once."""
        while True:
            try:
                answer = await client.post(
                    random.choice(self.urls()), json={"query": MOVE, "variables": {"input": given}}
                )
                body = answer.json()
            except (httpx2.TransportError, ValueError):
                body = {"errors": [{"extensions": {"code": "SERVICE_UNAVAILABLE"}}]}
            errors = body.get("errors")
            if not errors:
                assert body["data"]["moveLead"]["userErrors"] == [], body
                return
            assert {error["extensions"]["code"] for error in errors} <= RETRIED, body
            self.retries += 1
            await asyncio.sleep(0.1)
