"""The sending of mail by a process: what is due is found and sent, and a server that is away is waited for."""

import os
import random
import signal
from collections import Counter
from pathlib import Path

import pytest

from engine.outgoing.mail import MailServer, mail_server
from models.database import Database
from models.tables.base import new_id, organisation_id
from resolvers.reactions.mail import sending
from resolvers.reactions.mail.sending import sending_mail
from tests.support.consuming import until, until_so
from tests.support.mail.mailing import SENDER, Outcomes
from tests.support.mail.smtp import mailbox
from tests.support.servers.worker_processes import killed_worker


async def add_due(database: Database, key: str, members: int, *, suspended: bool = False) -> None:
    """An organisation with members who each have a mail that is due."""
    org_id = organisation_id(key)
    async with database.acquire() as connection:
        await connection.execute(
            "INSERT INTO organisation (id, key, name, suspended_at) VALUES ($1, $2, $2, CASE WHEN $3 THEN now() END)",
            *(org_id, key, suspended),
        )
        ids = [new_id() for _ in range(members)]
        await connection.execute(
            "INSERT INTO member (org_id, id, subject, name, email)"
            " SELECT $1, id, id::text, 'Member ' || nth, nth || $3 FROM unnest($2::uuid[])"
            " WITH ORDINALITY AS made (id, nth)",
            *(org_id, ids, f"@{key}.test"),
        )
        await connection.execute(
            "INSERT INTO notification (org_id, id, member_id, number, reason, count, happened_at, updated_at)"
            " SELECT $1, gen_random_uuid(), id, 7, 'ASSIGNED', 2, now(), now() FROM unnest($2::uuid[]) AS id",
            *(org_id, ids),
        )
        await connection.execute(
            "INSERT INTO mail_due (org_id, member_id, channel, number, due_at)"
            " SELECT $1, id, 'IMMEDIATE', 7, now() - interval '1 second' FROM unnest($2::uuid[]) AS id",
            *(org_id, ids),
        )


async def until_sent(database: Database) -> None:
    """Wait until no mail is due, but those of suspended organisations."""
    waiting = "SELECT FROM mail_due JOIN organisation ON id = org_id WHERE suspended_at IS NULL AND due_at IS NOT NULL"
    await until(database, f"SELECT NOT EXISTS ({waiting})")


async def test_all_that_is_due_is_sent(database: Database) -> None:
    """Of each organisation that is not suspended, over a few connections, each mail once."""
    for key, members in (("acme", 70), ("globex", 3)):
        await add_due(database, key, members)
    await add_due(database, "initech", 2, suspended=True)
    watch = Outcomes()
    async with mailbox() as box:
        async with sending_mail(database, mail_server(box.url), SENDER, 0.01, 3, watch):
            await until_sent(database)
        addresses = Counter(address for address, _ in box.texts)
        assert addresses == Counter(
            [f"{nth}@acme.test" for nth in range(1, 71)] + [f"{nth}@globex.test" for nth in range(1, 4)]
        )
        assert box.connections <= 3
    assert Counter(watch.seen) == {("IMMEDIATE", "sent"): 73}


async def test_a_server_that_is_away_is_waited_for(
    database: Database, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """All is sent when it is back; the log says why nothing is, once for each try."""
    monkeypatch.setattr(sending, "FIRST_PAUSE", 0.05)
    await add_due(database, "acme", 45)
    async with mailbox() as box:
        away = MailServer("127.0.0.1", 1, secure=False)
        async with sending_mail(database, away, SENDER, 0.01, 2):
            await until_so(lambda: "cannot be reached, trying again in" in caplog.text)
        assert box.texts == []
        assert await database.pool.fetchval("SELECT count(*) FROM mail_due WHERE due_at IS NOT NULL") == 45
        async with sending_mail(database, mail_server(box.url), SENDER, 0.01, 2):
            await until_sent(database)
        assert len(box.texts) == 45


async def test_workers_are_killed(database: Database, postgres_url: str, tmp_path: Path) -> None:
    """At any moment, again and again: no mail is sent twice, and of those that are lost, at most the ones that were on
    their way to the server: one for each connection of each process that was killed."""
    draw, turns, connections = random.Random(5), 3, 2
    await add_due(database, "acme", 300)
    async with mailbox() as box:
        environment = {
            **os.environ,
            "DEALBOARD_DATABASE_URL": postgres_url,
            "DEALBOARD_DATA_DIR": str(tmp_path),
            "DEALBOARD_JWT_SECRET": "s" * 40,
            "DEALBOARD_SMTP_URL": box.url,
            "DEALBOARD_MAIL_FROM": "crm@dealboard.test",
            "DEALBOARD_PUBLIC_URL": "https://app.test",
            "DEALBOARD_MAIL_CONNECTIONS": str(connections),
            "DEALBOARD_MAIL_INTERVAL": "0.05",
        }
        for _ in range(turns):
            with killed_worker(environment) as one, killed_worker(environment) as other:
                await box.until(len(box.texts) + 40)
                draw.choice((one, other)).send_signal(signal.SIGKILL)
            await database.pool.execute("UPDATE mail_due SET free_at = now() WHERE free_at IS NOT NULL")
        with killed_worker(environment):
            await until_sent(database)
        times = Counter(address for address, _ in box.texts)
        assert max(times.values()) == 1
        assert len(times) >= 300 - (2 * turns + 1) * connections
