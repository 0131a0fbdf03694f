"""Debian's PgBouncer in front of a PostgreSQL of the tests, configured as the docs say."""

import os
import pwd
import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import parse_qs, quote, unquote, urlsplit

DOCS = Path(__file__).parents[3] / "docs" / "operating" / "deploy.md"

PGBOUNCER = shutil.which("pgbouncer", path=f"{os.environ.get('PATH', '')}:/usr/sbin")


def documented(language: str) -> str:
    """The block of this language in the part of the docs on PgBouncer."""
    part = DOCS.read_text().partition("\n## PgBouncer\n")[2].partition("\n## ")[0]
    found = re.search(rf"```{language}\n(.*?)```", part, re.DOTALL)
    assert found, f"docs/operating/deploy.md has no {language} block on PgBouncer"
    return found[1]


@contextmanager
def pooled(url: str, sessions: int = 3) -> Iterator[str]:
    """The URL of a PgBouncer in front of the database at `url`, with only so many sessions for all its clients."""
    assert PGBOUNCER
    parts = urlsplit(url)
    host = parse_qs(parts.query).get("host", [parts.hostname or ""])[0]
    port, user, name = parts.port or 5432, unquote(parts.username or "postgres"), parts.path.strip("/")
    # It refuses to run as root, so it runs as the user whose PostgreSQL this is, or as nobody.
    socket = Path(host) / f".s.PGSQL.{port}"
    owner = socket.stat().st_uid if socket.exists() else pwd.getpwnam("nobody").pw_uid
    with tempfile.TemporaryDirectory(prefix="dealboard-pooler-") as folder:
        configuration = Path(folder) / "pgbouncer.ini"
        password = f" password={unquote(parts.password)}" if parts.password else ""
        configuration.write_text(
            f"[databases]\n{name} = host={host} port={port} user={user} dbname={name}{password}\n[pgbouncer]\n"
            f"listen_addr =\nunix_socket_dir = {folder}\nlisten_port = 6432\nauth_type = any\n"
            f"default_pool_size = {sessions}\n{documented('ini')}"
        )
        as_root = os.geteuid() == 0
        if as_root:
            for path in (Path(folder), configuration):
                os.chown(path, owner, -1)
        log = (Path(folder) / "log").open("w+")
        process = subprocess.Popen(
            [PGBOUNCER, str(configuration)], stdout=log, stderr=log, user=owner if as_root else None, cwd="/"
        )
        try:
            end = time.monotonic() + 20
            while not (Path(folder) / ".s.PGSQL.6432").exists():
                assert process.poll() is None, (Path(folder) / "log").read_text()
                assert time.monotonic() < end, (Path(folder) / "log").read_text()
                time.sleep(0.02)
            yield f"postgresql://{user}@/{name}?host={quote(folder)}&port=6432"
        finally:
            process.terminate()
            process.wait(20)
            log.close()
