"""The subscription `boardChanged`: a snapshot and these events keep a board right, whatever the filter."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field
from random import Random
from typing import Any

import orjson
import pytest

from engine.caller import Caller
from engine.engine import Engine
from models import Role
from tests.support.world import STAGES, World

BOARD_CHANGED = """
subscription ($pipelineId: ID!, $filter: LeadFilter, $after: String) {
  boardChanged(pipelineId: $pipelineId, filter: $filter, after: $after) {
    cursor kind type leadId
    card { id title rank stage { id name } } above { title } below { title }
    stages { id name totals(filter: $filter) { count withoutNextTask values { currency value weightedValue } } }
  }
}
"""

BOARD = """
query ($pipelineId: ID!, $filter: LeadFilter) {
  cursor
  pipeline(id: $pipelineId) {
    stages {
      id name totals(filter: $filter) { count withoutNextTask values { currency value weightedValue } }
      leads(first: 100, filter: $filter) { nodes { id title rank } }
    }
  }
}
"""


@dataclass
class Client:
    """An app that keeps a board: cards by column, and the totals of the columns."""

    cursor: str
    cards: dict[str, dict[str, tuple[str, str, str]]] = field(default_factory=dict)
    columns: list[Any] = field(default_factory=list)

    @classmethod
    def of(cls, data: Mapping[str, Any]) -> "Client":
        """The board that a snapshot describes."""
        stages = data["pipeline"]["stages"]
        client = cls(data["cursor"])
        for stage in stages:
            client.cards[stage["id"]] = {
                node["id"]: (node["rank"], node["id"], node["title"]) for node in stage["leads"]["nodes"]
            }
        client.columns = [{key: stage[key] for key in ("id", "name", "totals")} for stage in stages]
        return client

    def apply(self, event: Mapping[str, Any]) -> None:
        """Apply an event to the board."""
        self.cursor = event["cursor"]
        if event["kind"] == "COLUMNS":
            self.columns = list(event["stages"])
            self.cards = {stage["id"]: self.cards.get(stage["id"], {}) for stage in self.columns}
            return
        for column in self.cards.values():
            column.pop(event["leadId"], None)
        card = event["card"]
        if card is not None:
            self.cards[card["stage"]["id"]][card["id"]] = (card["rank"], card["id"], card["title"])
        touched = {stage["id"]: stage for stage in event["stages"]}
        self.columns = [touched.get(column["id"], column) for column in self.columns]

    def shown(self) -> Any:
        """The board as people see it: the titles in each column, in order, and the totals."""
        titles = [[title for _, _, title in sorted(self.cards[column["id"]].values())] for column in self.columns]
        return titles, self.columns


@asynccontextmanager
async def watching(world: World, engine: Engine, **variables: Any) -> AsyncIterator[Any]:
    """A running subscription to the Sales board; the function it yields takes the next `count` events."""
    variables = {"pipelineId": world["Sales"], "after": (await world.ask("{ cursor }"))["cursor"]} | variables
    caller = Caller(world.organisation, "tester", Role.VIEWER)
    async with aclosing(engine.subscribe(engine.documents.prepare(BOARD_CHANGED), variables, caller)) as stream:

        async def take(count: int = 1) -> list[dict[str, Any]]:
            async with asyncio.timeout(20):
                return [orjson.loads((await anext(stream)).body)["data"]["boardChanged"] for _ in range(count)]

        yield take


async def test_a_drag_shows_the_card_its_neighbours_and_both_columns(world: World, engine: Engine) -> None:
    """The event holds all that an app needs to draw the move, with the new totals."""
    async with watching(world, engine) as take:
        await world.change(
            "moveLead", {"leadId": world["Ada"], "stageId": world["Talking"], "afterLeadId": world["Dan"]}
        )
        (event,) = await take()
    assert (event["kind"], event["card"]["title"], event["card"]["stage"]["name"]) == ("MOVED", "Ada", "Talking")
    assert (event["above"], event["below"]) == ({"title": "Dan"}, None)
    assert [(stage["name"], stage["totals"]["count"]) for stage in event["stages"]] == [("New", 2), ("Talking", 2)]
    assert event["stages"][1]["totals"]["values"] == [
        {"currency": "EUR", "value": "1000.00", "weightedValue": "500.00"},
        {"currency": "USD", "value": "80.00", "weightedValue": "24.00"},
    ]


async def test_cards_enter_and_leave_a_filter(world: World, engine: Engine) -> None:
    """A lead assigned to Rita enters her board, changes on it, and leaves when it is reassigned; nothing else is
    sent."""
    async with watching(world, engine, filter={"ownerIds": [world["rita"]]}) as take:
        await world.change("updateLead", {"leadId": world["Ada"], "title": "Ada Ltd"})
        await world.change("updateLead", {"leadId": world["Bob"], "title": "Bob Ltd"})
        (first,) = await take()
        await world.change("assignLead", {"leadId": world["Ada"], "memberId": world["rita"]})
        (entered,) = await take()
        await world.change("updateLead", {"leadId": world["Ada"], "title": "Ada & co"})
        (changed,) = await take()
        await world.change("scheduleFollowUp", {"leadId": world["Ada"], "dueOn": "2031-01-01"})
        (planned,) = await take()
        await world.change("assignLead", {"leadId": world["Ada"], "memberId": None})
        (left,) = await take()
    assert (first["kind"], first["card"]["title"]) == ("CHANGED", "Bob Ltd")
    assert (entered["kind"], entered["card"]["title"], entered["below"]) == ("ENTERED", "Ada Ltd", {"title": "Bob Ltd"})
    assert (changed["kind"], changed["card"]["title"]) == ("CHANGED", "Ada & co")
    assert (planned["kind"], planned["type"]) == ("CHANGED", "TASK_SCHEDULED")
    assert (left["kind"], left["card"], left["leadId"]) == ("LEFT", None, world["Ada"])
    assert (left["above"], left["below"]) == (None, None)


async def test_a_value_range_is_left_and_entered(world: World, engine: Engine) -> None:
    """Whether the old value matched the filter is read from the event."""
    async with watching(world, engine, filter={"value": {"min": "500"}}) as take:
        await world.change("updateLead", {"leadId": world["Bob"], "value": "499.99"})
        await world.change("updateLead", {"leadId": world["Ada"], "value": "1001"})
        (first,) = await take()
        await world.change("updateLead", {"leadId": world["Bob"], "value": "500"})
        (entered,) = await take()
        await world.change("updateLead", {"leadId": world["Bob"], "value": None})
        (left,) = await take()
    assert [event["kind"] for event in (first, entered, left)] == ["CHANGED", "ENTERED", "LEFT"]


async def test_other_pipelines_are_left_and_entered(world: World, engine: Engine) -> None:
    """A card that goes to another pipeline leaves this board and enters the other; deletion leaves as well."""
    async with (
        watching(world, engine) as here,
        watching(world, engine, pipelineId=world["Renewals"]) as there,
    ):
        await world.change("moveLead", {"leadId": world["Dan"], "stageId": world["Due"]})
        assert [event["kind"] for event in await here()] == ["LEFT"]
        assert [event["kind"] for event in await there()] == ["ENTERED"]
        await world.change("deleteLead", {"leadId": world["Dan"]})
        assert [(event["kind"], event["leadId"]) for event in await there()] == [("LEFT", world["Dan"])]
        await world.change("mergeLeads", {"winnerId": world["Bob"], "loserId": world["Ada"]})
        (merged, *_) = await here()
        assert (merged["kind"], merged["leadId"]) == ("LEFT", world["Ada"])


GONE_BY_TWO_STEPS = {
    "given away, then worth less": (
        {"ownerIds": "rita", "value": {"min": "200"}},
        [("assignLead", {"memberId": "mia"}), ("updateLead", {"value": "10"})],
    ),
    "worth less, then given away": (
        {"ownerIds": "rita", "value": {"min": "200"}},
        [("updateLead", {"value": "10"}), ("assignLead", {"memberId": "mia"})],
    ),
    "worth less and given away in one step": (
        {"ownerIds": "rita", "value": {"min": "200"}},
        [("updateLead", {"value": "10", "ownerId": "mia"})],
    ),
    "moved to another pipeline, then worth less": (
        {"value": {"min": "200"}},
        [("moveLead", {"stageId": "Due"}), ("updateLead", {"value": "10"})],
    ),
    "moved to another pipeline, then deleted": (None, [("moveLead", {"stageId": "Due"}), ("deleteLead", {})]),
    "moved to another pipeline, then merged": (
        None,
        [("moveLead", {"stageId": "Due"}), ("mergeLeads", {"winnerId": "Fay"})],
    ),
}


@pytest.mark.parametrize("case", GONE_BY_TWO_STEPS)
async def test_who_comes_back_sees_every_card_that_has_left(world: World, engine: Engine, case: str) -> None:
    """Bob is on the board of the snapshot and then leaves it; what happens to him afterwards does not hide that."""
    wanted, steps = GONE_BY_TWO_STEPS[case]
    filter = wanted and {name: [world[value]] if name == "ownerIds" else value for name, value in wanted.items()}
    after = (await world.ask("{ cursor }"))["cursor"]
    for mutation, given in steps:
        lead = "loserId" if mutation == "mergeLeads" else "leadId"
        known = {name: world.ids.get(value, value) for name, value in given.items()}
        await world.change(mutation, {lead: world["Bob"], **known})
    await world.change("updateStage", {"stageId": world["Lost"], "name": "The end"})
    async with watching(world, engine, filter=filter, after=after) as take:
        kinds = []
        while (event := (await take())[0])["kind"] != "COLUMNS":
            assert (event["leadId"], event["card"]) == (world["Bob"], None)
            kinds.append(event["kind"])
    assert "LEFT" in kinds


async def test_columns_that_change_are_sent(world: World, engine: Engine) -> None:
    """An added, renamed, deleted or reordered stage sends all the columns as they are now."""
    async with watching(world, engine) as take:
        await world.change("addStage", {"pipelineId": world["Sales"], "name": "Trial", "position": 1})
        (event,) = await take()
    assert event["kind"] == "COLUMNS"
    assert [stage["name"] for stage in event["stages"]] == ["New", "Trial", "Talking", "Offer", "Won", "Lost"]


@pytest.mark.parametrize("seed", range(6))
async def test_snapshot_and_events_equal_the_board(world: World, engine: Engine, seed: int) -> None:
    """Eight people change the board at once; the snapshot plus the events since equal a new snapshot."""
    random = Random(seed)
    filter = random.choice(
        [{}, {"ownerIds": [world["rita"], world["mia"]]}, {"unowned": True}, {"value": {"min": "300"}},
         {"hasNextTask": False}, {"closed": False}, {"search": "a"}, {"stageIds": [world["New"], world["Offer"]]}]
    )  # fmt: skip
    asked = {"pipelineId": world["Sales"], "filter": filter}
    client = Client.of(await world.ask(BOARD, asked))
    await asyncio.gather(*(drag(world, Random(seed * 100 + nth)) for nth in range(8)))
    last = Client.of(await world.ask(BOARD, asked))
    # The columns change last, so that once their event has arrived, all others have.
    await world.change("updateStage", {"stageId": world["Lost"], "name": "The end"})
    async with watching(world, engine, filter=filter, after=client.cursor) as take:
        while True:
            (event,) = await take()
            if event["type"] == "STAGE_UPDATED":
                assert client.shown() == last.shown()
                client.apply(event)
                break
            client.apply(event)
    last.columns[-1]["name"] = "The end"
    assert client.shown() == last.shown()


async def drag(world: World, random: Random) -> None:
    """Several changes, one after the other, as one person makes them."""
    for _ in range(12):
        lead = {"leadId": world[random.choice(["Ada", "Bob", "Cleo", "Dan", "Eve", "Fay"])]}
        mutation, given = random.choice(
            [
                ("moveLead", {**lead, "stageId": world[random.choice(["Due", *(stage["name"] for stage in STAGES)])]}),
                ("moveLead", {**lead, "stageId": world[random.choice(["New", "Talking"])]}),
                ("updateLead", {**lead, "value": random.choice([None, "10", "999"])}),
                ("updateLead", {**lead, "title": random.choice("abc")}),
                ("assignLead", {**lead, "memberId": random.choice([None, world["rita"], world["mia"]])}),
                ("scheduleFollowUp", {**lead, "dueOn": "2031-01-01"}),
                ("createLead", {"title": random.choice("xyz"), "stageId": world[random.choice(["New", "Offer"])]}),
            ]
        )
        await world.attempt(mutation, given)


async def test_a_card_hears_that_its_task_has_left(world: World, engine: Engine) -> None:
    """Where only cards with a next step are shown, the card leaves when its task moves to another lead or to none."""
    task = await world.change("scheduleFollowUp", {"leadId": world["Ada"], "dueOn": "2031-01-01"}, "task { id }")
    async with watching(world, engine, filter={"hasNextTask": True}) as take:
        for name in ("Bob", None):
            given = {"taskId": task["task"]["id"], "leadId": name and world[name]}
            await world.change("updateTask", given)
        events = [(event["kind"], event["leadId"]) for event in await take(3)]
    assert [lead_id for _, lead_id in events] == [world["Ada"], world["Bob"], world["Bob"]]
    # Each event says whether the card is there now, so the second may be looked at only after the third.
    assert (events[0][0], events[2][0]) == ("LEFT", "LEFT")
