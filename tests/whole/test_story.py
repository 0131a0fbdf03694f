"""Random lives of leads, step by step against a model in plain Python: every code, and the whole state, must agree."""

import asyncio
from collections.abc import Coroutine
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from models.database import Database
from tests.support.consistency import expect_consistent
from tests.support.recipes import opportunities
from tests.support.world import World

KINDS = {"New": "OPEN", "Talking": "OPEN", "Offer": "OPEN", "Won": "WON", "Lost": "LOST", "Opened": "OPEN"}
NEXT = {"New": "Talking", "Talking": "Offer"}
"""The open stage after another one."""

STATE = """
query ($after: Cursor) { leads(first: 100, after: $after) { pageInfo { hasNextPage endCursor } nodes {
    id stage { name } owner { id } qualifiedAt disqualifiedAt closedAt convertedAt convertedFrom { id } lostReason
} } }
"""


@dataclass
class Card:
    """What the model knows of a lead."""

    stage: str
    been: list[str] = field(default_factory=list)
    owner: str | None = None
    qualified: bool = False
    disqualified: bool = False
    closed: bool = False
    converted: bool = False
    parent: str | None = None
    reason: str | None = None

    def enter(self, stage: str, reason: str | None = None, *, disqualified: bool = False) -> None:
        """Enter another stage; a lead that stays lost keeps its reason."""
        kind = KINDS[stage]
        was = "LOST" if KINDS[self.stage] == "LOST" or self.disqualified else KINDS[self.stage]
        stays = kind != "OPEN" and kind == was
        self.reason = (reason or self.reason) if stays else reason if kind != "OPEN" else None
        self.disqualified = disqualified or (stays and self.disqualified)
        self.closed = kind != "OPEN"
        self.stage = stage
        if kind == "OPEN":
            self.been.append(stage)

    def seen(self) -> tuple[Any, ...]:
        """What the API should return."""
        flags = (self.qualified, self.disqualified, self.closed, self.converted)
        return self.stage, self.owner, *flags, self.parent, self.reason


class Story(RuleBasedStateMachine):
    """Drives the API and the model, one step at a time."""

    world: World
    loop: asyncio.AbstractEventLoop
    rounds = 0

    def __init__(self) -> None:
        super().__init__()
        self.cards: dict[str, Card] = {}

    def wait(self, coroutine: Coroutine[Any, Any, Any]) -> Any:
        """Run a coroutine in the event loop of the database."""
        future: Future[Any] = asyncio.run_coroutine_threadsafe(coroutine, self.loop)
        return future.result(30)

    def step(self, mutation: str, given: dict[str, Any], code: str | None, show: str = "") -> Any:
        """Make a change; it must be refused with this code, or succeed."""
        body = self.wait(self.world.attempt(mutation, given, show))
        payload = body["data"]["result"]
        assert [error["code"] for error in payload["userErrors"]] == ([] if code is None else [code])
        return payload

    def drawn(self, data: st.DataObject) -> tuple[str, Card]:
        id = data.draw(st.sampled_from(sorted(self.cards)))
        return id, self.cards[id]

    @initialize()
    def begin(self) -> None:
        """An organisation without leads."""
        for table in ("lead", "lead_span"):
            self.wait(self.world.database.pool.execute(f"DELETE FROM {table}"))
        self.wait(self.world.database.pool.execute("UPDATE stage_total SET leads = 0, value = 0, weighted = 0"))
        type(self).rounds += 1

    @rule(stage=st.sampled_from(sorted(KINDS)))
    def create(self, stage: str) -> None:
        """A new lead, anywhere."""
        reason = "Price" if KINDS[stage] == "LOST" else None
        given = {"title": "A lead", "stageId": self.world[stage], "value": "10", "lostReason": reason}
        made = self.step("createLead", given, None, "lead { id }")
        card = self.cards[made["lead"]["id"]] = Card(stage, closed=KINDS[stage] != "OPEN", reason=reason)
        card.been += [stage] if KINDS[stage] == "OPEN" else []

    @precondition(lambda self: self.cards)
    @rule(data=st.data(), stage=st.sampled_from(sorted(KINDS)), why=st.sampled_from([None, "Price", "Timing"]))
    def move(self, data: st.DataObject, stage: str, why: str | None) -> None:
        """Move a lead to any stage, with or without a reason; in its own stage, a lost lead gets another reason."""
        id, card = self.drawn(data)
        lost = KINDS[card.stage] == "LOST" or card.disqualified
        code = "INVALID" if stage == card.stage and why is not None and not lost else None
        if stage != card.stage:
            known = KINDS[card.stage] == "LOST" or card.disqualified or card.reason is not None
            if card.converted:
                code = "LEAD_CONVERTED"
            elif why is not None and KINDS[stage] != "LOST":
                code = "INVALID"
            elif why is None and KINDS[stage] == "LOST" and not known:
                code = "REASON_REQUIRED"
        self.step("moveLead", {"leadId": id, "stageId": self.world[stage], "lostReason": why}, code)
        if code is None and stage != card.stage:
            card.enter(stage, why)
        elif code is None:
            card.reason = why or card.reason

    @precondition(lambda self: self.cards)
    @rule(data=st.data())
    def qualify(self, data: st.DataObject) -> None:
        """Qualify a lead: it moves to the next open stage, once."""
        id, card = self.drawn(data)
        code = (
            "ALREADY_QUALIFIED" if card.qualified
            else "LEAD_CLOSED" if card.closed
            else "NO_NEXT_STAGE" if card.stage not in NEXT else None
        )  # fmt: skip
        self.step("qualifyLead", {"leadId": id}, code)
        if code is None:
            card.enter(NEXT[card.stage])
            card.qualified = True

    @precondition(lambda self: self.cards)
    @rule(data=st.data())
    def disqualify(self, data: st.DataObject) -> None:
        """Disqualify a lead: it moves to the LOST stage, or is closed where there is none."""
        id, card = self.drawn(data)
        self.step("disqualifyLead", {"leadId": id, "reason": "Nothing in it"}, "LEAD_CLOSED" if card.closed else None)
        if card.closed:
            return
        if card.stage == "Opened":
            card.disqualified, card.closed, card.reason = True, True, "Nothing in it"
        else:
            card.enter("Lost", "Nothing in it", disqualified=True)

    @precondition(lambda self: any(card.closed for card in self.cards.values()))
    @rule(data=st.data())
    def reopen(self, data: st.DataObject) -> None:
        """Reopen a lead: it returns to its last open stage, or to the first of its pipeline."""
        id, card = self.drawn(data)
        code = "LEAD_CONVERTED" if card.converted else None if card.closed else "LEAD_OPEN"
        self.step("reopenLead", {"leadId": id}, code)
        if code is None:
            target = card.been[-1] if card.been else "New"
            if target == card.stage:
                card.disqualified, card.closed, card.reason = False, False, None
            else:
                card.enter(target)

    @precondition(lambda self: any(card.qualified for card in self.cards.values()))
    @rule(data=st.data())
    def convert(self, data: st.DataObject) -> None:
        """Convert a lead: it has one opportunity, however often."""
        id, card = self.drawn(data)
        code = (
            None if card.converted
            else "INVALID" if card.stage == "Opened"
            else "NOT_QUALIFIED" if not card.qualified
            else "LEAD_CLOSED" if card.closed else None
        )  # fmt: skip
        made = self.step("convertLead", {"leadId": id}, code, "alreadyConverted opportunity { id }")
        if code is not None:
            return
        assert made["alreadyConverted"] == card.converted
        if not card.converted:
            self.cards[made["opportunity"]["id"]] = Card("Opened", ["Opened"], card.owner, parent=id)
            card.converted = card.closed = True

    @precondition(lambda self: self.cards)
    @rule(data=st.data(), who=st.sampled_from([None, "rita", "mia", "ian"]))
    def assign(self, data: st.DataObject, who: str | None) -> None:
        """Assign a lead to an active member or to nobody."""
        id, card = self.drawn(data)
        member = who and self.world[who]
        self.step("assignLead", {"leadId": id, "memberId": member}, "OWNER_INACTIVE" if who == "ian" else None)
        if who != "ian":
            card.owner = member

    @precondition(lambda self: self.cards)
    @rule(data=st.data())
    def delete(self, data: st.DataObject) -> None:
        """Delete a lead, unless it became an opportunity, or was made from a lead."""
        id, card = self.drawn(data)
        code = "LEAD_CONVERTED" if card.converted or card.parent else None
        self.step("deleteLead", {"leadId": id}, code)
        if code is None:
            del self.cards[id]

    @invariant()
    def the_api_shows_what_the_model_knows(self) -> None:
        """The API and the model agree on all leads after each step."""
        found = self.wait(self.world.ask(STATE))["leads"]["nodes"]
        stamps = ("qualifiedAt", "disqualifiedAt", "closedAt", "convertedAt")
        shown = {
            lead["id"]: (
                lead["stage"]["name"],
                lead["owner"] and lead["owner"]["id"],
                *(lead[stamp] is not None for stamp in stamps),
                lead["convertedFrom"] and lead["convertedFrom"]["id"],
                lead["lostReason"],
            )
            for lead in found
        }
        assert shown == {id: card.seen() for id, card in self.cards.items()}

    def teardown(self) -> None:
        """Records, history, events and totals agree in the end."""
        self.wait(expect_consistent(self.world.database))


async def test_any_story_is_as_the_model_predicts(world: World, database: Database) -> None:
    """The model predicts each code and the state after any steps in any order."""
    await opportunities(world)
    Story.world, Story.loop = world, asyncio.get_running_loop()
    options = settings(
        max_examples=12,
        stateful_step_count=30,
        deadline=None,
        database=None,
        derandomize=True,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    await asyncio.to_thread(run_state_machine_as_test, Story, settings=options)
    assert Story.rounds > 0
