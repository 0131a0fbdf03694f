"""What is measured: each case, with the requests that its contestants get."""

from base64 import b64encode
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import orjson

from bench import queries
from bench.data import Crowd, Place
from bench.dealboard import token
from bench.work import Work

PAGE = 50
"""Leads of each stage on the board; tasks or events in a list."""


@dataclass(frozen=True)
class Contestant:
    """One side of a case: a server, and the finished HTTP requests that it gets in turn."""

    name: str
    server: str
    requests: Sequence[str]


@dataclass(frozen=True)
class Case:
    """One request in several variants, over so many connections; `same` means that the answers must be equal."""

    name: str
    connections: int
    contestants: Sequence[Contestant]
    same: bool = True
    ours: str = "dealboard"
    """The contestant that is compared with the others."""
    where: str = ""

    @property
    def title(self) -> str:
        """What is measured, in words."""
        return ", ".join(filter(None, (self.name, self.where, f"{self.connections} at once")))


def board_cases(place: Place) -> list[Case]:
    """A whole board."""
    contestants = [
        Contestant("limit", "limit", [get(f"/board/{place.id}/{bare(place.pipeline)}/{PAGE}")]),
        Contestant("dealboard", "dealboard", [board_of(place)]),
        Contestant("usual", "usual", [board_of(place)]),
    ]
    return [Case("board", connections, contestants) for connections in (1, 8)]


def lead_cases(place: Place) -> list[Case]:
    """One lead by its id."""
    asked = [post(place, queries.LEAD, {"id": id}) for id in place.leads]
    contestants = [
        Contestant("limit", "limit", [get(f"/lead/{place.id}/{bare(id)}") for id in place.leads]),
        Contestant("dealboard", "dealboard", asked),
        Contestant("usual", "usual", asked),
    ]
    return [Case("lead", connections, contestants) for connections in (1, 8)]


def move_cases(place: Place) -> list[Case]:
    """A lead moved to the top of the next stage, and from the last to the first: never within its stage."""
    contestants = [
        Contestant("limit", "limit", bare_moves("move", moves(place))),
        Contestant("dealboard", "dealboard", asked_moves(moves(place))),
        Contestant("without consumers", "without_consumers", asked_moves(moves(place))),
    ]
    return [Case("move", connections, contestants, same=False) for connections in (1, 8)]


def order_cases(one: Place, many: Sequence[Place]) -> list[Case]:
    """The price of order: hand-written moves with the log, whose counter all changes of an organisation wait for, and
    the same without the log; in one organisation, and in many in turn."""
    fewest = min(len(place.leads) for place in many)
    in_turn = [step for steps in zip(*(moves(place, fewest) for place in many), strict=True) for step in steps]
    return [
        Case(
            "order",
            8,
            [
                Contestant("without a log", "limit", bare_moves("unlogged-move", steps)),
                Contestant("limit", "limit", bare_moves("move", steps)),
                Contestant("dealboard", "dealboard", asked_moves(steps)),
            ],
            same=False,
            ours="limit",
            where=where,
        )
        for where, steps in (("1 organisation", moves(one)), (f"{len(many)} organisations", in_turn))
    ]


Move = tuple[Place, str, str]
"""The organisation, the lead, and the stage to move it to."""


def moves(place: Place, leads: int | None = None) -> list[Move]:
    """All leads, or so many, moved to the next stage, again and again until all are back where they started."""
    count = len(place.stages)
    standing = list(zip(place.leads, place.standing, strict=True))[:leads]
    return [(place, lead, place.stages[(at + step) % count]) for step in range(1, count + 1) for lead, at in standing]


def bare_moves(path: str, steps: Sequence[Move]) -> list[str]:
    """The requests for moves of the hand-written routes."""
    return [get(f"/{path}/{place.id}/{bare(lead)}/{bare(stage)}", "POST") for place, lead, stage in steps]


def asked_moves(steps: Sequence[Move]) -> list[str]:
    """The GraphQL requests for moves."""
    return [post(place, queries.MOVE, {"input": {"leadId": lead, "stageId": stage}}) for place, lead, stage in steps]


def change_cases(name: str, place: Crowd) -> list[Case]:
    """A change of a lead, a different one each time, because most changes can be made only once."""
    mutation, given = CHANGES[name]
    inputs = [{"leadId": lead, **given(place)} for lead in place.leads]
    bare_requests = [
        get(f"/change/{name}/{place.id}/{bare(lead)}/{bare(place.member)}", "POST") for lead in place.leads
    ]
    document = queries.CHANGE.replace("NAME", mutation).replace("TYPE", mutation[0].upper() + mutation[1:])
    asked = [post(place, document, {"input": one}) for one in inputs]
    contestants = [Contestant("limit", "limit", bare_requests), Contestant("dealboard", "dealboard", asked)]
    return [Case(name, 8, contestants, same=False)]


CHANGES: Mapping[str, tuple[str, Callable[[Crowd], Mapping[str, Any]]]] = {
    "qualify": ("qualifyLead", lambda place: {}),
    "convert": ("convertLead", lambda place: {}),
    "assign": ("assignLead", lambda place: {"memberId": place.member}),
    "followup": (
        "scheduleFollowUp",
        lambda place: {"title": "Call", "dueAt": "2031-01-01T00:00:00Z", "assigneeId": place.member},
    ),
}
"""The mutation of each case, and its input besides the lead."""


def growth_cases(places: Mapping[int, Place]) -> list[Case]:
    """The same board in organisations of different sizes."""
    contestants = [Contestant(f"{leads:,}", "dealboard", [board_of(place)]) for leads, place in places.items()]
    return [Case("growth", 1, contestants, same=False)]


def timeline_cases(works: Mapping[int, Work]) -> list[Case]:
    """Pages of the timeline of one lead, the newest and older ones, for leads with different numbers of events."""
    contestants = [
        Contestant(
            f"{size:,}", "dealboard", pages(work, queries.TIMELINE, {"id": work.lead}, cursors("NUMBER", work.events))
        )
        for size, work in works.items()
    ]
    return [Case("timeline", 1, contestants, same=False)]


def tasks_cases(works: Mapping[int, Work]) -> list[Case]:
    """Pages of the tasks of one member, the next due and later ones, for members with different numbers of tasks."""
    contestants = [
        Contestant(f"{size:,}", "dealboard", pages(work, queries.TASKS, {}, cursors("DUE", work.tasks)))
        for size, work in works.items()
    ]
    return [Case("tasks", 1, contestants, same=False)]


def pages(work: Work, query: str, variables: Mapping[str, Any], after: Sequence[str]) -> list[str]:
    """The requests for the first page of a list, and for the page after each of these cursors."""
    return [post(work, query, {**variables, "first": PAGE, "after": cursor}) for cursor in (None, *after)]


def cursors(order: str, places: Sequence[tuple[int | str, UUID]]) -> list[str]:
    """The cursors of places in a list."""
    return [b64encode(orjson.dumps([order, str(value), str(id)])).decode() for value, id in places]


def board_of(place: Place) -> str:
    """The request for a board."""
    return post(place, queries.BOARD, {"id": place.pipeline, "first": PAGE})


def post(place: Place | Work | Crowd, query: str, variables: Mapping[str, Any]) -> str:
    """A GraphQL request."""
    body = orjson.dumps({"query": query, "variables": variables}).decode()
    return (
        "POST /graphql HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: application/json\r\nContent-Type: application/json\r\n"
        f"Authorization: Bearer {token(place.key)}\r\norgid: {place.key}\r\n"
        f"Content-Length: {len(body.encode())}\r\n\r\n{body}"
    )


def get(path: str, method: str = "GET") -> str:
    """A request without a body."""
    return f"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 0\r\n\r\n"


def bare(id: str) -> UUID:
    """The UUID of a public id."""
    return UUID(id.rpartition("_")[2])
