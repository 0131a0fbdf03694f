"""What a caller may do is the lesser of the token's role and the member's; callers whose access was revoked are
disconnected. Both within about a second, in every process, without a round trip per request.

A token is checked against the database when it is seen for the first time, which also makes its bearer a member. From
then on the process asks every second about every caller whose token it remembers or who has an open socket or stream;
and at once after a change that it made itself.
"""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from engine.caller import Caller, Person, Revoked
from models.database import UNREACHABLE
from models.rules.roles import Role
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


async def expect_access(service: Service, who: Caller) -> Caller:
    """Make the caller a member, and return the caller with the lesser of both roles.

    Raises `NotAllowed` where access was revoked, or `NotAvailable` without a database.
    """
    try:
        found = await service.engine.sign_in(who)
    except UNREACHABLE as failure:
        raise NotAvailable("The database cannot be reached. Retry in a moment.") from failure
    if isinstance(found, Revoked):
        raise NotAllowed(REASONS[found])
    return who.limited(found)


@asynccontextmanager
async def ending_revoked(service: Service, seconds: float) -> AsyncIterator[None]:
    """Check every `seconds` for callers whose access was revoked or whose role changed, in the background."""
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


async def refresh_access(service: Service) -> None:
    """Check at once, after a change of members. It is done all the same where this fails: the next check in the
    background finds it."""
    try:
        await end_revoked(service)
    except UNREACHABLE:
        """The next check in the background does it."""
    except Exception:
        log.exception("access could not be refreshed after a change of members")


async def end_revoked(service: Service) -> None:
    """Forget the tokens, and end the sockets and streams, of all callers whose access was revoked; limit all others to
    their roles as members."""
    # One check at a time: the result of an earlier one must not be applied after that of a later one.
    async with service.refreshing:
        people = service.authenticator.people | set(service.connections.members)
        if not people:
            return
        roles: dict[Person, Role] = {}
        for person, found in (await service.engine.find_restricted(people)).items():
            if isinstance(found, Role):
                roles[person] = found
                continue
            service.authenticator.forget(person)
            service.connections.end(person, Ending(FORBIDDEN, f"Forbidden: {REASONS[found].removesuffix('.')}"))
            people.discard(person)
        service.authenticator.limit(people, roles)
        service.connections.limit(people, roles)
