"""What compression costs and saves: `python -m bench.compressed`.

Requests with each `Accept-Encoding` take turns, one by one, in one process that answers them without a network.
Compared is the processor time of the process, compression in threads included. A server that also reads and writes
bytes takes longer for each request, so that compression is a smaller part of it.
"""

import asyncio
import statistics
from collections import defaultdict
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from time import process_time
from typing import Any

import orjson

from models.rules.roles import Role
from server.app import Application, create_app
from server.process.demo import load_demo
from server.process.postgres import embedded
from server.process.runtime import DEMO_ORGANISATION, DEMO_SUBJECT, make_token, open_database
from server.settings import Settings, load_settings

LEADS = "{ pipelines { stages { leads(first: FIRST) { nodes { id title value currency } } } } }"
BOARD = (Path(__file__).parents[1] / "server" / "pages" / "examples" / "1-board.graphql").read_text()
QUERIES = {
    "0.7 kB": "{ pipelines { stages { id name } } }",
    "1.5 kB": LEADS.replace("FIRST", "1"),
    "6 kB": LEADS.replace("FIRST", "5"),
    "board of 28 kB": BOARD,
    "board of 78 kB": BOARD.replace("10", "50"),
}
CODINGS = ("identity", "zstd", "br", "gzip")
TURNS = 600


async def ask(app: Application, token: str, query: str, coding: str) -> int:
    """The number of bytes that answer a query."""
    heads = {"authorization": f"Bearer {token}", "content-type": "application/json", "accept-encoding": coding}
    body = {"type": "http.request", "body": orjson.dumps({"query": query})}
    sent: list[Any] = []

    async def receive() -> Any:
        return body

    async def send(message: Any) -> None:
        sent.append(message)

    headers = [(name.encode(), value.encode()) for name, value in heads.items()]
    scope = {"type": "http", "method": "POST", "path": "/graphql", "query_string": b"", "headers": headers}
    await app(scope, receive, send)
    assert sent[0]["status"] == 200
    return len(sent[1]["body"])


async def measure(settings: Settings) -> None:
    """Print the bytes and the processor time of each query in each coding."""
    async with open_database(settings) as database:
        await load_demo(database)
        who: Any = {"organisation": DEMO_ORGANISATION, "subject": DEMO_SUBJECT, "role": Role.ADMIN}
        token = make_token(settings, lifetime=timedelta(days=1), **who)
        app = create_app(settings, database)
        async with app.router.lifespan_context(app):
            for name, query in QUERIES.items():
                spent: dict[str, list[float]] = defaultdict(list)
                lengths = {}
                for _ in range(TURNS):
                    for coding in CODINGS:
                        began = process_time()
                        lengths[coding] = await ask(app, token, query, coding)
                        spent[coding].append(process_time() - began)
                plain = statistics.median(spent["identity"])
                for coding in CODINGS:
                    time = statistics.median(spent[coding])
                    share = lengths[coding] / lengths["identity"]
                    print(
                        f"{name:15} {coding:9} {lengths[coding]:6} bytes ({share:.2f})"
                        f" {time * 1e6:5.0f} us, throughput {plain / time:.2f}"
                    )


def main() -> None:
    """Measure on a database of its own."""
    with TemporaryDirectory(prefix="dealboard-bench-") as folder, embedded(Path(folder)) as url:
        given = {"data_dir": Path(folder), "database_url": url, "member_rate": 0, "organisation_rate": 0}
        asyncio.run(measure(load_settings(demo=True, **given)))


if __name__ == "__main__":
    main()
