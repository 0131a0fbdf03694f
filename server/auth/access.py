"""Callers whose access was revoked are disconnected: within about a second, in every process, without a round trip per
request.

A token is checked against the database when it is seen for the first time. From then on the process asks every second
about every caller whose token it remembers or who has an open socket or stream.
"""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from engine.caller import Caller, Revoked
from models.database import UNREACHABLE
from server.transport.connections import Ending
from server.transport.refusals import NotAllowed, NotAvailable
from server.transport.service import Service

log = logging.getLogger("dealboard.access")

REASONS = {
    Revoked.DEACTIVATED: "Your membership is not active. Ask an admin to activate it.",
    Revoked.SUSPENDED: "This organisation is suspended. Ask the operator of this server.",
}

FORBIDDEN = 4403
"""The close code of a socket whose caller has no access, as for a refused token."""


async def expect_access(service: Service, who: Caller) -> None:
    """Refuse callers whose access was revoked. Raises `NotAllowed`, or `NotAvailable` without a database."""
    try:
        found = await service.engine.revoked([who.person])
    except UNREACHABLE as failure:
        raise NotAvailable("The database cannot be reached. Retry in a moment.") from failure
    if found:
        raise NotAllowed(REASONS[found[who.person]])


@asynccontextmanager
async def ending_revoked(service: Service, seconds: float) -> AsyncIterator[None]:
    """Check every `seconds` for callers whose access was revoked, in the background."""
    task = asyncio.create_task(_keep_looking(service, seconds))
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def _keep_looking(service: Service, seconds: float) -> None:
    while True:
        await asyncio.sleep(seconds)
        try:
            await end_revoked(service)
        except UNREACHABLE:
            """Without a database there are no answers to withhold; the next check finds these callers."""
        except Exception:
            log.exception("revoked access could not be looked up")


async def end_revoked(service: Service) -> None:
    """Forget the tokens, and end the sockets and streams, of all callers whose access was revoked."""
    people = service.authenticator.people | set(service.connections.members)
    if not people:
        return
    for person, why in (await service.engine.revoked(people)).items():
        service.authenticator.forget(person)
        service.connections.end(person, Ending(FORBIDDEN, f"Forbidden: {REASONS[why].removesuffix('.')}"))
