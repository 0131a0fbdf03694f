"""The attacks: each is one row of a table, with a function that does it. To add one, write the function and its row.

As a process (`python -m bench.attacks ROW`) it reads who attacks as a line of JSON, writes a line when it begins, and
at the end what it got.
"""

import asyncio
import sys
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any

import orjson
import uvloop

from bench.attacking.attacker import Attacker
from bench.attacking.changes import old_recurrences, wide_inputs
from bench.attacking.clients import endless_heads, fan_out, mute_sockets, replays, silent_connections
from bench.attacking.documents import (
    abandoned_searches,
    deep_unions,
    endless_conditions,
    large_answers,
    many_statements,
    new_shapes,
    repeated_ids,
    variable_pages,
)
from bench.data import Place

Run = Callable[[Attacker], Coroutine[Any, Any, None]]


@dataclass(frozen=True)
class Attack:
    """One row: what it does, and what a server that bounds it answers, of which one at least."""

    row: str
    title: str
    run: Run
    bounded: frozenset[str] = frozenset()


def _attack(row: str, title: str, run: Run, bounded: str = "") -> Attack:
    return Attack(row, title, run, frozenset(bounded.split()))


async def computing(attacker: Attacker) -> None:
    """No attack: three processes compute, as the processes of PostgreSQL do that a member may keep busy."""
    command = "import time; until = time.monotonic() + float(input())\nwhile time.monotonic() < until: pass"
    pipe = asyncio.subprocess.PIPE
    busy = [await asyncio.create_subprocess_exec(sys.executable, "-c", command, stdin=pipe) for _ in range(3)]
    attacker.begin()
    await asyncio.gather(*(one.communicate(str(attacker.seconds).encode()) for one in busy))


COMPUTING = _attack("A0", "none: three processes compute", computing)
"""What the processors alone make of it, for comparison."""

ATTACKS = (
    _attack("A1", "timelines of ten types, three levels deep", deep_unions, "TOO_MANY_FIELDS"),
    _attack("A2", "searches whose clients leave", abandoned_searches),
    _attack("A3", "answers of 80 MB", large_answers, "ANSWER_TOO_LARGE"),
    _attack("A4", "1,200 silent connections", silent_connections),
    _attack("A5", "sockets that answer no ping", mute_sockets, "4414"),
    _attack("A6", "page sizes in variables", variable_pages, "TOO_COSTLY"),
    _attack("A7", "conditions of 99 parts", endless_conditions, "TOO_COSTLY"),
    _attack("A8", "twelve replays with totals", replays),
    _attack("A9", "pipelines of 70,000 stages", wide_inputs, "TOO_MANY_VALUES"),
    _attack("A10", "tasks that repeat since 1900", old_recurrences),
    _attack("A11", "heads without an end", endless_heads, "431 414"),
    _attack("A12", "new shapes of large documents", new_shapes, "TOO_MANY_VALUES"),
    _attack("A13", "one id a hundred times", repeated_ids, "ANSWER_TOO_LARGE BAD_USER_INPUT"),
    _attack("A14", "statements of 27,000 characters", many_statements),
    _attack("A15", "a stage deleted before 500 subscribers", fan_out, "TOO_MANY_SUBSCRIPTIONS"),
)
BY_ROW = {attack.row: attack for attack in (COMPUTING, *ATTACKS)}


async def _process(attack: Attack, attacker: Attacker) -> None:
    running = asyncio.create_task(attack.run(attacker))
    beginning = asyncio.create_task(attacker.begun.wait())
    await asyncio.wait((running, beginning), return_when=asyncio.FIRST_COMPLETED)
    print("begun", flush=True)
    await running


def main() -> None:
    """Attack."""
    port, place, few, seconds = orjson.loads(sys.stdin.buffer.readline())
    attacker = Attacker(port, Place(**place), Place(**few), seconds)
    uvloop.run(_process(BY_ROW[sys.argv[1]], attacker))
    print(orjson.dumps(attacker.got).decode(), flush=True)


if __name__ == "__main__":
    main()
