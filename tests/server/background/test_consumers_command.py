"""`dealboard consumers`: what operators see, and how they let a consumer go on."""

import asyncio
import sys
from typing import Any

import pytest

from engine.background.consumers import start
from models import organisation_id
from models.database import Database
from server.process import cli
from tests.support.consuming import add_events, add_organisation

ACME = organisation_id("acme")


@pytest.fixture
def dealboard(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], postgres_url: str) -> Any:
    """Runs a command to its end, in a thread: it has an event loop of its own."""
    monkeypatch.setenv("DEALBOARD_DATABASE_URL", postgres_url)
    monkeypatch.setenv("DEALBOARD_JWT_SECRET", "s" * 40)
    monkeypatch.setenv("COLUMNS", "200")

    async def run(*arguments: str) -> tuple[int, str]:
        monkeypatch.setattr(sys, "argv", ["dealboard", "consumers", *arguments])

        def ended() -> int:
            with pytest.raises(SystemExit) as end:
                cli.main()
            return end.value.code if isinstance(end.value.code, int) else 0

        code = await asyncio.to_thread(ended)
        captured = capsys.readouterr()
        return code, captured.out + captured.err

    return run


async def test_what_stands_still_is_shown_and_let_go_on(database: Database, dealboard: Any) -> None:
    """All that is behind, one organisation, and a consumer that expired."""
    assert await dealboard() == (0, "All consumers of all organisations are up to date.\n")
    await add_organisation(database, "acme", ACME)
    await start(database, ACME, "notes")
    await add_events(database, ACME, 7)
    for given in ((), ("--org", "acme")):
        code, shown = await dealboard(*given)
        assert code == 0
        assert shown.splitlines()[1].split() == ["acme", "notes", "0", "7", "RUNNING"]
    await database.pool.execute("UPDATE consumer SET failures = 6, error = 'ValueError', retry_at = now()")
    assert "FAILING after event 0 (ValueError, 6 times" in (await dealboard())[1]
    await database.pool.execute("UPDATE consumer SET state = 'EXPIRED'")
    assert "EXPIRED: events" in (await dealboard())[1]
    code, shown = await dealboard("--org", "acme", "--replay", "notes", "--to", "5")
    assert shown.splitlines()[1].split() == ["acme", "notes", "5", "2", "RUNNING"]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (("--replay", "notes"), "--replay: name the organisation with --org, and the event with --to."),
        (("--org", "acme", "--to", "1"), "--replay: name the organisation with --org, and the event with --to."),
        (("--org", "nobody"), "--org nobody: no consumer has met this organisation yet. Check the key."),
        (
            ("--org", "acme", "--replay", "nots", "--to", "1"),
            "--replay nots: the organisation has no such consumer. See dealboard consumers --org acme.",
        ),
        (
            ("--org", "acme", "--replay", "notes", "--to", "8"),
            "--to 8: events 1 to 7 are kept. Send 0 to 7.",
        ),
    ],
)
async def test_what_cannot_be_is_refused(
    database: Database, dealboard: Any, given: tuple[str, ...], message: str
) -> None:
    """In one line that says the way out, and nothing changes."""
    await add_organisation(database, "acme", ACME)
    await start(database, ACME, "notes")
    await add_events(database, ACME, 7)
    code, shown = await dealboard(*given)
    assert (code, " ".join(shown.split())) == (2, f"dealboard: {message}")
    assert await database.pool.fetchval("SELECT position FROM consumer") == 0
