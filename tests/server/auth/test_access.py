"""Revoked access: every process disconnects deactivated members, and the members of suspended organisations."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import httpx2
import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection

from engine.caller import Revoked
from models.database import Database
from models.rules.roles import Role
from models.tables.base import organisation_id
from resolvers.changes.organisation.access import find_revoked, resume, suspend
from server.auth.access import REASONS, end_revoked, expect_access
from server.auth.tokens import Authenticator
from server.process.postgres import embedded
from server.process.runtime import make_token
from server.settings import Settings
from server.transport.refusals import NotAllowed, NotAvailable
from server.transport.service import Service
from tests.support.served import Served, serving
from tests.support.stand_in import StandIn, settings, token
from tests.support.workers import heard, move, subscribed
from tests.support.world import World

ROOT = Path(__file__).parents[3]

GONE, CLOSED = REASONS[Revoked.DEACTIVATED], REASONS[Revoked.SUSPENDED]


@pytest.fixture
def shared(tmp_path: Path) -> Iterator[str]:
    """The database of two servers."""
    with embedded(tmp_path / "shared") as url:
        yield url


@pytest.fixture
def servers(shared: str, tmp_path: Path) -> Iterator[tuple[Served, Served]]:
    """Two servers over one database."""
    with ExitStack() as stack:
        one, other = (stack.enter_context(serving(tmp_path, DEALBOARD_DATABASE_URL=shared)) for _ in range(2))
        yield one, other


def operate(command: str, url: str) -> None:
    """Run an operator's command on the demo organisation."""
    line = [sys.executable, "-m", "server", command, "--org", "demo"]
    subprocess.run(line, env={**os.environ, "DEALBOARD_DATABASE_URL": url}, cwd=ROOT, check=True)


def of(served: Served, folder: Path, subject: str) -> Served:
    """The same server, called by a rep of the demo organisation."""
    secret = Settings(jwt_secret=(folder / "demo-secret").read_text().strip(), demo=True)
    made = make_token(secret, organisation="demo", subject=subject, role=Role.REP, lifetime=timedelta(hours=1))
    return replace(served, token=made)


def ask(served: Served, query: str, **variables: Any) -> httpx2.Response:
    """Send one request."""
    return httpx2.post(served.url, json={"query": query, "variables": variables}, headers=served.headers, timeout=20)


def until(found: Callable[[], Any], wanted: Any) -> None:
    """Ask again until the answer is the expected one."""
    end = time.monotonic() + 20
    while (last := found()) != wanted:
        assert time.monotonic() < end, last


def refusal(served: Served) -> Any:
    """How a read is refused: the status, the code and the message; None when it is not refused."""
    answer = ask(served, "{ cursor }")
    if answer.status_code == 200:
        return None
    (error,) = answer.json()["errors"]
    return answer.status_code, error["extensions"]["code"], error["message"]


def drain(socket: ClientConnection) -> None:
    """Receive messages of a socket until it is closed."""
    while True:
        socket.recv(20)


def closed(socket: ClientConnection) -> tuple[int, str]:
    """The code and the reason with which a socket is closed."""
    with pytest.raises(ConnectionClosed) as caught:
        drain(socket)
    frame = caught.value.rcvd
    assert frame is not None
    return frame.code, frame.reason


def member_of(served: Served) -> str:
    """The caller's member id."""
    found: str = ask(served, "{ viewer { member { id } } }").json()["data"]["viewer"]["member"]["id"]
    return found


def set_active(admin: Served, member: str, active: bool) -> None:
    """Deactivate or activate a member as an admin."""
    mutation = "mutation ($input: UpdateMemberInput!) { updateMember(input: $input) { userErrors { message } } }"
    answer = ask(admin, mutation, input={"memberId": member, "active": active})
    assert answer.json() == {"data": {"updateMember": {"userErrors": []}}}


def test_a_deactivated_member_is_disconnected_by_every_process(servers: tuple[Served, Served], tmp_path: Path) -> None:
    """Sockets are closed with 4403 and the last cursor, and requests refused, until the member is activated again."""
    one, other = servers
    rita = [of(served, tmp_path, "rita") for served in servers]
    lead = move(rita[0])  # her first change adds her as a member
    member = member_of(rita[0])
    with ExitStack() as stack:
        sockets = [stack.enter_context(subscribed(served)) for served in rita]
        admin = stack.enter_context(subscribed(other))
        lead = move(one)
        assert [heard(socket) for socket in (*sockets, admin)] == [lead] * 3
        set_active(one, member, active=False)
        for socket in sockets:
            code, reason = closed(socket)
            assert (code, reason.split("; after=")[0]) == (4403, f"Forbidden: {GONE.removesuffix('.')}")
            assert len(reason.split("; after=")[1]) == 32
        for served in rita:
            until(partial(refusal, served), (403, "FORBIDDEN", GONE))
        lead = move(one)
        assert heard(admin) == lead
    set_active(other, member, active=True)
    assert [refusal(served) for served in rita] == [None, None]


def test_every_process_disconnects_a_suspended_organisation(servers: tuple[Served, Served], shared: str) -> None:
    """The organisation's sockets and streams end and its members are refused, until the operator resumes it."""
    stream = {"Accept": "text/event-stream"}
    with ExitStack() as stack:
        sockets = [stack.enter_context(subscribed(served)) for served in servers]
        query = {"query": "subscription { stageChanged { cursor } }"}
        headers = {**servers[0].headers, **stream}
        live = stack.enter_context(httpx2.stream("GET", servers[0].url, params=query, headers=headers, timeout=20))
        lines = live.iter_lines()
        assert next(lines) == ":"
        operate("suspend", shared)
        assert [closed(socket) for socket in sockets] == [(4403, f"Forbidden: {CLOSED.removesuffix('.')}")] * 2
        assert f": Forbidden: {CLOSED.removesuffix('.')}" in list(lines)
        for served in servers:
            until(partial(refusal, served), (403, "FORBIDDEN", CLOSED))
    operate("resume", shared)
    assert [refusal(served) for served in servers] == [None, None]


async def test_whose_access_is_revoked(world: World, strangers: World, database: Database) -> None:
    """Deactivated members and suspended organisations lose access; the same subject keeps it in other organisations."""
    await world.change("updateMember", {"memberId": world["rita"], "active": False})
    here, there = organisation_id(world.organisation), organisation_id(strangers.organisation)
    people = [(here, "rita"), (here, "tester"), (here, "unknown"), (there, "rita"), (there, "unknown")]
    assert await find_revoked(database, people) == {(here, "rita"): Revoked.DEACTIVATED}
    assert await suspend(database, there)
    gone = {(there, "rita"): Revoked.SUSPENDED, (there, "unknown"): Revoked.SUSPENDED}
    assert await find_revoked(database, people) == {(here, "rita"): Revoked.DEACTIVATED, **gone}
    assert await suspend(database, there), "a second time changes nothing"
    assert await resume(database, there)
    assert await find_revoked(database, people) == {(here, "rita"): Revoked.DEACTIVATED}
    assert await find_revoked(database, []) == {}


class Gone(StandIn):
    """An engine that knows whose access is revoked."""

    found: Any = {}  # noqa: RUF012

    async def revoked(self, people: Any) -> Any:
        if isinstance(self.found, Exception):
            raise self.found
        return {person: why for person, why in self.found.items() if person in people}


def service_of(engine: Gone) -> Service:
    """What the transports share, over this engine."""
    service = Service(settings())
    service.authenticator = Authenticator(service.settings, admit=partial(expect_access, service))
    service.engine = engine
    return service


async def test_a_remembered_token_is_forgotten() -> None:
    """A cached token admits its bearer until the next check, and then no more until access is restored."""
    engine = Gone()
    service = service_of(engine)
    authenticate = partial(service.authenticator.authenticate, f"Bearer {token()}", None)
    who = await authenticate()
    engine.found = {who.person: Revoked.DEACTIVATED}
    assert await authenticate() == who
    assert service.authenticator.people == {who.person}
    await end_revoked(service)
    assert service.authenticator.people == set()
    for _ in range(2):
        with pytest.raises(NotAllowed, match="membership is not active"):
            await authenticate()
    engine.found = {}
    assert await authenticate() == who


async def test_a_token_is_not_taken_unseen() -> None:
    """While the database cannot be reached, a token that was not seen before gets SERVICE_UNAVAILABLE."""
    engine = Gone()
    engine.found = ConnectionRefusedError()
    with pytest.raises(NotAvailable, match="cannot be reached"):
        await service_of(engine).authenticator.authenticate(f"Bearer {token()}", None)


def test_the_reasons_leave_room_for_a_cursor() -> None:
    """A close frame holds 123 bytes (RFC 6455, section 5.5), and the cursor in it must be whole."""
    assert all(len(f"Forbidden: {reason.removesuffix('.')}; after=" + "x" * 32) <= 123 for reason in REASONS.values())
