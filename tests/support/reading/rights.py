"""What a caller may do, for the reference executor: by roles, and by whose a record is."""

from collections.abc import Callable, Mapping
from typing import Any

from engine.publish.fields import ROLE
from engine.read.arguments import DEFINITION
from models import Role
from tests.support.mutations import MUTATIONS
from tests.support.reading.records import Record, World

Given = Mapping[str, Any]

RIGHTS: Mapping[str, Mapping[str, str]] = {
    "Lead": {
        "move": "moveLead", "edit": "updateLead", "assign": "assignLead", "delete": "deleteLead",
        "qualify": "qualifyLead", "disqualify": "disqualifyLead", "convert": "convertLead", "reopen": "reopenLead",
        "merge": "mergeLeads",
    },
    "Task": {
        "edit": "updateTask", "assign": "updateTask", "complete": "completeTask", "cancel": "cancelTask",
        "reopen": "reopenTask", "delete": "deleteTask",
    },
    "Activity": {"edit": "updateActivity", "delete": "deleteActivity"},
    "Contact": {
        "edit": "updateContact", "archive": "archiveContact", "restore": "restoreContact", "merge": "mergeContacts",
    },
    "Customer": {
        "edit": "updateCustomer", "archive": "archiveCustomer", "restore": "restoreCustomer", "merge": "mergeCustomers",
    },
    "Pipeline": {
        "edit": "updatePipeline", "delete": "deletePipeline", "addStages": "addStage", "editStages": "updateStage",
        "reorderStages": "reorderStages", "deleteStages": "deleteStage", "editRules": "setRoutingRules",
    },
}  # fmt: skip
"""The mutation of each right."""

OWN = {
    ("Lead", "assign"): ("owner_id",), ("Task", "assign"): ("assignee_id",),
    ("Task", "delete"): ("assignee_id", "creator_id"),
    ("Activity", "edit"): ("author_id",), ("Activity", "delete"): ("author_id",),
}  # fmt: skip
"""The rights that a rep has on some records only, and the columns that say on which."""


def may(world: World, mutation: str) -> bool:
    needed: Role = MUTATIONS[mutation].extensions[DEFINITION].metadata[ROLE]
    return world.caller.role.includes(needed)


def _owns(world: World, type_: str, right: str, record: Record) -> bool:
    columns = OWN.get((type_, right))
    if columns is None or world.caller.role.includes(Role.MANAGER):
        return True
    me = {member.row["id"] for member in world.all("member", subject=world.caller.subject)}
    return any(record.row[column] in me | ({None} if right == "assign" else set()) for column in columns)


def _of(type_: str) -> Callable[[World, Any, Given], dict[str, bool]]:
    def rights(world: World, record: Record, given: Given) -> dict[str, bool]:
        return {
            right: may(world, mutation) and _owns(world, type_, right, record)
            for right, mutation in RIGHTS[type_].items()
        }

    return rights


RIGHTS_RULES: Mapping[tuple[str, str], Callable[[World, Any, Given], Any]] = {
    **{(type_, "viewerCan"): _of(type_) for type_ in RIGHTS},
    ("Viewer", "can"): lambda world, source, given: {mutation: may(world, mutation) for mutation in MUTATIONS},
}
