"""The command line, as a process of its own where it matters: start, stop, kill, and errors of one line."""

import asyncio
import signal
import socket
import sys
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg
import jwt
import pytest

from server.process import cli
from server.process.postgres import embedded
from server.settings import Settings
from tests.support.servers.process import ask, postgres_in
from tests.support.servers.served import serving

ROOT = Path(__file__).parents[3]
KEPT = "{ viewer { member { name } } pipelines { id name } }"
"""A question whose answer stays the same: the log grows by itself, because time passes for tasks and leads too."""


@dataclass(frozen=True)
class Ended:
    """How a command ended, and what it printed."""

    returncode: int
    stdout: str
    stderr: str


Dealboard = Callable[..., Ended]


@pytest.fixture
def dealboard(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], tmp_path: Path) -> Dealboard:
    """Runs a command to its end in this process: only starting and stopping a server need one of their own."""
    monkeypatch.setenv("DEALBOARD_DATA_DIR", str(tmp_path))

    def run(*arguments: str, **environment: str) -> Ended:
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setattr(sys, "argv", ["dealboard", *arguments])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        captured = capfd.readouterr()
        code = ended.value.code
        return Ended(code if isinstance(code, int) else 0, captured.out, captured.err)

    return run


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.7", "demo.example"])
def test_a_demo_is_not_open_to_other_machines_by_mistake(dealboard: Dealboard, host: str) -> None:
    """Everybody who reaches it is an admin: beyond loopback it takes a setting."""
    ended = dealboard("serve", "--demo", "--host", host)
    assert (ended.returncode, ended.stdout) == (2, "")
    assert f"--demo gives everybody who can reach {host} the token of an admin." in ended.stderr
    assert "DEALBOARD_DEMO_HOSTS" in ended.stderr


def test_a_demo_can_be_opened_on_purpose(tmp_path: Path) -> None:
    """With the names by which it is reached."""
    with serving(tmp_path, DEALBOARD_HOST="0.0.0.0", DEALBOARD_DEMO_HOSTS="demo.example") as served:
        url = served.url.replace("0.0.0.0", "127.0.0.1")
        assert ask(url, served.headers, "{ __typename }") == {"data": {"__typename": "Query"}}


def test_a_server_starts_stops_and_keeps_its_data(tmp_path: Path) -> None:
    """The printed token works; Ctrl-C ends everything, PostgreSQL included; a second start finds the same demo."""
    with serving(tmp_path) as first:
        before = ask(first.url, first.headers, KEPT)
        assert before["data"]["viewer"] == {"member": {"name": "Ada Winter"}}  # type: ignore[index]
        assert postgres_in(tmp_path)
    assert first.process.returncode == 0
    assert postgres_in(tmp_path) == []
    with serving(tmp_path) as second:
        assert ask(second.url, first.headers, KEPT) == before


def test_a_killed_server_leaves_data_that_the_next_one_takes_over(tmp_path: Path) -> None:
    """After SIGKILL PostgreSQL keeps running without its server; the next server takes it over, and stops it in the
    end."""
    with serving(tmp_path) as killed:
        before = ask(killed.url, killed.headers, KEPT)
        killed.process.send_signal(signal.SIGKILL)
        killed.process.wait(60)
        assert postgres_in(tmp_path)
    with serving(tmp_path) as next_one:
        assert ask(next_one.url, next_one.headers, KEPT) == before
    assert postgres_in(tmp_path) == []


def test_a_command_beside_a_server_leaves_it_its_database(dealboard: Dealboard, tmp_path: Path) -> None:
    """The running server answers as before, and stops PostgreSQL in the end."""
    with serving(tmp_path) as server:
        before = ask(server.url, server.headers, KEPT)
        assert dealboard("explain", "{ cursor }", DEALBOARD_JWT_SECRET="s" * 40).returncode == 0
        assert ask(server.url, server.headers, KEPT) == before
    assert postgres_in(tmp_path) == []


def test_who_leaves_last_stops_the_database(tmp_path: Path) -> None:
    """The last process stops PostgreSQL, not the one that started it; the next one starts it again."""
    with ExitStack() as later:
        with embedded(tmp_path):
            later.enter_context(embedded(tmp_path))
        assert len(postgres_in(tmp_path)) > 0
    assert postgres_in(tmp_path) == []
    with embedded(tmp_path):
        assert len(postgres_in(tmp_path)) > 0


def test_a_taken_port_is_one_line(dealboard: Dealboard, tmp_path: Path) -> None:
    """Nothing is started when the address is in use, and the line says what to do."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        result = dealboard("serve", "--demo", "--port", port)
    assert result.returncode == 2
    assert result.stderr.count("\n") == 1
    assert f"Cannot listen on 127.0.0.1:{port}" in result.stderr
    assert "--port" in result.stderr
    assert postgres_in(tmp_path) == []


def test_an_unreachable_database_is_one_line(dealboard: Dealboard) -> None:
    """A wrong URL gets one line that says what to check, without a traceback."""
    result = dealboard("migrate", DEALBOARD_DATABASE_URL="postgresql://nobody@127.0.0.1:1/none")
    assert result.returncode == 2
    assert result.stderr.startswith("dealboard: DEALBOARD_DATABASE_URL: cannot connect")
    assert result.stderr.count("\n") == 1


def test_a_newer_database_is_one_line(dealboard: Dealboard, postgres_url: str) -> None:
    """An older version does not start on tables that a newer one has upgraded, and says what to do."""
    url = urlsplit(postgres_url)._replace(path="/newer_test").geturl()

    async def run(at: str, *statements: str) -> None:
        connection = await asyncpg.connect(at)
        for statement in statements:
            await connection.execute(statement)
        await connection.close()

    asyncio.run(run(postgres_url, "DROP DATABASE IF EXISTS newer_test", "CREATE DATABASE newer_test"))
    assert dealboard("migrate", DEALBOARD_DATABASE_URL=url).returncode == 0
    asyncio.run(run(url, "UPDATE alembic_version SET version_num = '9999'"))
    for command in (("migrate",), ("serve", "--demo", "--port", "0"), ("demo",)):
        result = dealboard(*command, DEALBOARD_DATABASE_URL=url)
        assert result.returncode == 2
        assert result.stderr.startswith("dealboard: The database is at revision 9999, which a newer version of")
        assert result.stderr.count("\n") == 1
    asyncio.run(run(postgres_url, "DROP DATABASE newer_test WITH (FORCE)"))


@pytest.mark.parametrize("command", ["suspend", "resume", "runs", "scores"])
def test_an_unknown_organisation_is_one_line(command: str, dealboard: Dealboard, postgres_url: str) -> None:
    """An unknown key gets one line that quotes it."""
    result = dealboard(command, "--org", "nobody", DEALBOARD_DATABASE_URL=postgres_url)
    assert result.returncode == 2
    assert result.stderr.startswith("dealboard: --org nobody: there is no such organisation.")
    assert result.stderr.count("\n") == 1


def test_a_token_says_who_where_and_how_long(dealboard: Dealboard) -> None:
    """The claims are those that the server reads, signed with the secret of the settings."""
    secret = "s" * 40
    person = ("--org", "acme", "--user", "ann")
    result = dealboard("token", *person, "--role", "manager", "--expires", "2h", DEALBOARD_JWT_SECRET=secret)
    claims = jwt.decode(result.stdout.strip(), secret, algorithms=["HS256"])
    assert (claims["sub"], claims["org_id"], claims["role"]) == ("ann", "acme", "manager")
    assert claims["exp"] - claims["iat"] == 7200
    wrong = dealboard("token", "--org", "acme", "--user", "ann", "--expires", "soon", DEALBOARD_JWT_SECRET=secret)
    assert (wrong.returncode, wrong.stdout) == (2, "")
    assert "45m, 12h or 30d" in wrong.stderr


def test_the_schema_is_printed_as_committed(dealboard: Dealboard) -> None:
    """`dealboard schema` prints schema.graphql."""
    assert dealboard("schema").stdout == (ROOT / "schema.graphql").read_text()


def test_a_query_is_explained(dealboard: Dealboard, postgres_url: str, database: object) -> None:
    """`explain` prints one statement and its plan; what is not a query is refused in one line."""
    environment = {"DEALBOARD_DATABASE_URL": postgres_url, "DEALBOARD_JWT_SECRET": "s" * 40}
    query = "query ($id: ID!) { lead(id: $id) { title } }"
    variables = '{"id": "lead_01a20b0a-7b8a-7caf-b534-b9ab8fec3724"}'
    result = dealboard("explain", query, "--variables", variables, **environment)
    assert result.returncode == 0, result.stderr
    assert "FROM lead" in result.stdout
    assert "Execution Time" in result.stdout
    for wrong, words in ((["{ nothing }"], "nothing"), (["{ cursor }", "--variables", "[1]"], "--variables")):
        refused = dealboard("explain", *wrong, **environment)
        assert refused.returncode == 2
        assert words in refused.stderr
        assert refused.stderr.count("\n") == 1


@pytest.mark.parametrize("name", ["serve", "migrate", "token", "schema", "explain", "demo", "import"])
def test_every_command_explains_itself(name: str, dealboard: Dealboard) -> None:
    """`--help` of each command says what it does."""
    result = dealboard(name, "--help")
    assert result.returncode == 0
    assert len(result.stdout.splitlines()) > 3


def test_the_help_of_serve_lists_every_setting(dealboard: Dealboard) -> None:
    """`serve --help` names each setting."""
    text = dealboard("serve", "--help").stdout
    assert [name for name in Settings.model_fields if f"DEALBOARD_{name.upper()}" not in text] == []
