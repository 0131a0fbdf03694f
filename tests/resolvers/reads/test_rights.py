"""What the caller may do is known before it is tried: each right is what the mutation then does."""

from collections.abc import Mapping
from typing import Any

import pytest

from models import Role
from tests.support.mutations import MUTATIONS, codes
from tests.support.world import World, tables

every_role = pytest.mark.parametrize("role", list(Role))

Attempt = tuple[str, Mapping[str, Any]]
"""A mutation, and its input without the id."""

LEAD: Mapping[str, Attempt] = {
    "edit": ("updateLead", {"title": "Other"}),
    "assign": ("assignLead", {"memberId": None}),
    "qualify": ("qualifyLead", {}),
    "convert": ("convertLead", {}),
    "reopen": ("reopenLead", {}),
    "disqualify": ("disqualifyLead", {"reason": "No budget"}),
    "delete": ("deleteLead", {}),
}
TASK: Mapping[str, Attempt] = {
    "edit": ("updateTask", {"title": "Other"}),
    "assign": ("updateTask", {"assigneeId": None}),
    "complete": ("completeTask", {}),
    "cancel": ("cancelTask", {}),
    "reopen": ("reopenTask", {}),
    "delete": ("deleteTask", {}),
}
ACTIVITY: Mapping[str, Attempt] = {"edit": ("updateActivity", {"subject": "Other"}), "delete": ("deleteActivity", {})}
CONTACT: Mapping[str, Attempt] = {
    "edit": ("updateContact", {"name": "Other"}),
    "archive": ("archiveContact", {}),
    "restore": ("restoreContact", {}),
}
CUSTOMER: Mapping[str, Attempt] = {
    "edit": ("updateCustomer", {"name": "Other"}),
    "archive": ("archiveCustomer", {}),
    "restore": ("restoreCustomer", {}),
}
PIPELINE: Mapping[str, Attempt] = {
    "edit": ("updatePipeline", {"name": "Other"}),
    "addStages": ("addStage", {"name": "More"}),
    "editRules": ("setRoutingRules", {"rules": []}),
    "delete": ("deletePipeline", {}),
}


async def expect_rights(world: World, noun: str, id: str, attempts: Mapping[str, Attempt], role: Role) -> None:
    """Compare each right on a record with whether its mutation is refused as FORBIDDEN."""
    query = f"query($id: ID!) {{ node(id: $id) {{ ... on {noun} {{ viewerCan {{ {' '.join(attempts)} }} }} }} }}"
    for right, (mutation, given) in attempts.items():
        shown = (await world.ask(query, {"id": id}, role=role))["node"]["viewerCan"][right]
        before = await tables(world.database)
        body = await world.attempt(mutation, {f"{noun.lower()}Id": id, **given}, role=role)
        assert ("FORBIDDEN" not in codes(body)) is shown, (noun, right, body)
        if not shown:
            assert await tables(world.database) == before


@every_role
async def test_rights_are_what_mutations_do(world: World, role: Role) -> None:
    """On records of one's own, of nobody and of others, by every role."""
    me = (await world.ask("{ viewer { member { id } } }"))["viewer"]["member"]["id"]
    for owner in (None, me, world["mia"]):
        made = await world.change("createLead", {"title": "Gil", "ownerId": owner}, "lead { id }")
        await expect_rights(world, "Lead", made["lead"]["id"], LEAD, role)
    for assignee in (None, me, world["mia"]):
        for subject in ("tester", "mia"):
            who = {"subject": subject, "role": Role.MANAGER}
            made = await world.change("createTask", {"title": "Call", "assigneeId": assignee}, "task { id }", **who)
            await expect_rights(world, "Task", made["task"]["id"], TASK, role)
    for subject in ("tester", "mia"):
        given = {"leadId": world["Ada"], "type": "CALL", "subject": "Hello"}
        who = {"subject": subject, "role": Role.MANAGER}
        made = await world.change("logActivity", given, "activity { id }", **who)
        await expect_rights(world, "Activity", made["activity"]["id"], ACTIVITY, role)
    await expect_rights(world, "Contact", world["contact of mia"], CONTACT, role)
    await expect_rights(world, "Customer", world["Acme"], CUSTOMER, role)
    await expect_rights(world, "Pipeline", world["Empty"], PIPELINE, role)


@every_role
async def test_the_viewer_can_run_what_is_not_forbidden(world: World, role: Role) -> None:
    """The role is checked before the input, so an empty one shows which mutations a role may run."""
    can = (await world.ask(f"{{ viewer {{ can {{ {' '.join(MUTATIONS)} }} }} }}", role=role))["viewer"]["can"]
    tried = {}
    for mutation in MUTATIONS:
        (code,) = codes(await world.attempt(mutation, {"nothing": 1}, role=role))
        tried[mutation] = code != "FORBIDDEN"
    assert can == tried


@every_role
async def test_a_column_is_closed_to_those_who_may_not_move(world: World, role: Role) -> None:
    """A viewer may move a lead nowhere, which is said before anything about the lead or the stage."""
    query = "query($id: ID!) { lead(id: $id) { allowedTransitions { allowed refusedBecause } viewerCan { move } } }"
    found = (await world.ask(query, {"id": world["Ada"]}, role=role))["lead"]
    body = await world.attempt("moveLead", {"leadId": world["Ada"], "stageId": world["Talking"]}, role=role)
    allowed = "FORBIDDEN" not in codes(body)
    assert found["viewerCan"] == {"move": allowed}
    shown = {"allowed": allowed, "refusedBecause": None if allowed else "FORBIDDEN"}
    assert found["allowedTransitions"] == [shown] * 5
