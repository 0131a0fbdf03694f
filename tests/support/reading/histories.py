"""The rules of reading activities and events: what people logged, and what happened to which record."""

import base64
import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from models import Role
from models.rules.clock.mail_times import DEFAULTS
from tests.support.reading.pages import Page
from tests.support.reading.records import Record, World, resolved, shown

Given = Mapping[str, Any]
Rule = Callable[[World, Any, Given], Any]


def within(value: Any, limits: Mapping[str, Any]) -> bool:
    least, most = limits.get("from"), limits.get("to")
    return (least is None or value >= least) and (most is None or value <= most)


def activities(world: World, given: Given, **columns: Any) -> Page:
    def passes(row: Mapping[str, Any]) -> bool:
        tests: Mapping[str, Callable[[Any], bool]] = {
            "types": lambda types: row["type"] in types,
            "authorIds": lambda ids: row["author_id"] in ids,
            "leadId": lambda id: row["lead_id"] == resolved(world, "lead", id),
            "contactId": lambda id: row["contact_id"] == resolved(world, "contact", id),
            "leadIds": lambda ids: row["lead_id"] in [resolved(world, "lead", id) for id in ids],
            "contactIds": lambda ids: row["contact_id"] in [resolved(world, "contact", id) for id in ids],
            "occurredAt": lambda limits: within(row["occurred_at"], limits),
        }
        return all(tests[name](value) for name, value in given.get("filter", {}).items())

    return Page([activity for activity in world.all("activity", **columns) if passes(activity.row)], given)


def concerns(world: World, row: Mapping[str, Any], member: str) -> bool:
    data, noun = json.loads(row["data"]), row["type"].partition(".")[0]
    if noun == "task":
        task = world.one("task", row["record_id"])
        now = task and f"member_{task.row['assignee_id']}"
        return member in (data.get("assigneeId"), now, *data.get("changes", {}).get("assigneeId", ()))
    changed = data.get("changes", {}).get("ownerId", ()) if noun == "lead" else ()
    return member in changed or (row["type"] == "lead.assigned" and data.get("from") == member)


def happened(world: World, given: Given, events: list[Record]) -> Page:
    def passes(row: Mapping[str, Any]) -> bool:
        tests: Mapping[str, Callable[[Any], bool]] = {
            "types": lambda types: published(row["type"]) in types,
            "actorIds": lambda ids: row["actor_id"] in ids,
            "recordId": lambda id: id in (row["record_id"], row["lead_id"]),
            "recordIds": lambda ids: not {row["record_id"], row["lead_id"]}.isdisjoint(ids),
            "concerns": lambda id: id == row["owner_id"] or concerns(world, row, f"member_{id}"),
            "occurredAt": lambda limits: within(row["occurred_at"], limits),
        }
        return all(tests[name](value) for name, value in given.get("filter", {}).items())

    return Page([event for event in events if passes(event.row)], given)


def timeline(world: World, lead: Record, given: Given) -> Page:
    merged = world.all("merged_record", into_id=lead.row["id"])
    events = [event for id in [lead, *merged] for event in world.all("event", lead_id=id.row["id"])]
    return happened(world, given, [event for event in events if event.row["type"] != "lead.moved"])


def lead_of(world: World, event: Record, given: Given) -> Record | None:
    """The lead that the event belongs to, or the one that this was merged into."""
    merged = world.one("merged_record", event.row["lead_id"])
    return world.one("lead", merged.row["into_id"] if merged else event.row["lead_id"])


def published(type_: str) -> str:
    return type_.upper().replace(".", "_")


def cursor(world: World, event: Record, given: Given) -> str:
    return base64.b64encode(event.row["org_id"].bytes + event.row["number"].to_bytes(8)).decode()


def microseconds(instant: datetime) -> int:
    return (instant - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)


def mutation(world: World, event: Record, given: Given) -> str | None:
    name = event.row["mutation"]
    if name is None:
        return None
    first, *rest = name.split("_")
    return first + "".join(word.capitalize() for word in rest)


def record_of(event: Record) -> tuple[str, UUID | None]:
    prefix = event.row["type"].partition(".")[0]
    if event.row["type"] in ("stages.reordered", "import.finished", "scores.changed"):
        prefix = "pipeline"
    return prefix, event.row["record_id"] or event.row["lead_id"]


def record_id(world: World, event: Record, given: Given) -> str | None:
    prefix, id = record_of(event)
    return id and f"{prefix}_{id}"


def record(world: World, event: Record, given: Given) -> Record | None:
    return named_record(world, *record_of(event))


def named_record(world: World, prefix: str, id: UUID | None) -> Record | None:
    if prefix == "webhook" and world.caller.role is not Role.ADMIN:
        return None
    merged = world.one("merged_record", id)
    found = world.one(prefix, merged.row["into_id"] if merged else id)
    return None if found is None or (prefix == "pipeline" and found.row["deleted_at"]) else found


def held(event: Record) -> Any:
    return json.loads(event.row["data"])


def text(value: Any) -> str | None:
    return value if value is None or isinstance(value, str) else json.dumps(value, ensure_ascii=False)


ENDS = (
    *("lead.deleted", "lead.merged", "task.deleted", "activity.deleted", "contact.merged", "customer.merged"),
    *("pool.deleted", "pipeline.deleted", "stage.deleted"),
)
BEGINS = (
    *("lead.created", "task.scheduled", "activity.logged", "contact.created", "customer.created", "member.created"),
    *("pool.created", "pipeline.created", "stage.added"),
)
BESIDE = ("into", "movedLeads", "repeats")
"""What the event of a beginning or an end holds that is no field of the record."""


def changes(world: World, event: Record, given: Given) -> list[dict[str, Any]]:
    found = held(event).get("changes", {})
    if event.row["type"] in (*BEGINS, *ENDS):
        fields = {name: value for name, value in held(event).items() if name not in BESIDE and value is not None}
        ends = event.row["type"] in ENDS
        found = {name: [value, None] if ends else [None, value] for name, value in fields.items()}
    elif event.row["type"] == "stages.reordered":
        found = {"stages": [held(event).get("from"), held(event).get("to")]}
    # PostgreSQL orders the keys of an object by length, then alphabetically.
    return [
        {"field": name, "before": text(found[name][0]), "after": text(found[name][1])}
        for name in sorted(found, key=lambda name: (len(name), name))
    ]


def to_one(table: str, column: str) -> Rule:
    return lambda world, record, given: world.one(table, record.row[column])


def named(table: str, name: str) -> Rule:
    def rule(world: World, event: Record, given: Given) -> Record | None:
        id = held(event).get(name)
        return world.one(table, UUID(id[-36:])) if id else None

    return rule


def part(name: str) -> Rule:
    return lambda world, event, given: text(held(event).get(name))


def instant(name: str) -> Rule:
    def rule(world: World, event: Record, given: Given) -> Any:
        found = held(event).get(name)
        return found and shown(datetime.fromisoformat(found))

    return rule


def merged_into(world: World, event: Record, given: Given) -> Record | None:
    id = held(event).get("into")
    return id and named_record(world, record_of(event)[0], UUID(id[-36:]))


def whole(name: str) -> Rule:
    return lambda world, event, given: held(event).get(name)


EVERY: Mapping[str, Rule] = {
    "id": lambda world, event, given: f"event_{event.row['id']}",
    "changeId": lambda world, event, given: f"change_{microseconds(event.row['occurred_at']):x}",
    "eventId": lambda world, event, given: f"event_{event.row['id']}",
    "cursor": cursor,
    "type": lambda world, event, given: published(event.row["type"]),
    "mutation": mutation,
    "actor": to_one("member", "actor_id"),
    "lead": lead_of,
    "recordId": record_id,
    "changes": changes,
    "record": record,
    "task": to_one("task", "record_id"),
    "activity": to_one("activity", "record_id"),
    "stage": to_one("stage", "stage_id"),
    "pipeline": to_one("pipeline", "pipeline_id"),
    "toStage": to_one("stage", "stage_id"),
    "toPipeline": to_one("pipeline", "pipeline_id"),
    "fromStage": to_one("stage", "from_stage_id"),
    "fromPipeline": to_one("pipeline", "from_pipeline_id"),
    "fromOwner": named("member", "from"),
    "toOwner": named("member", "to"),
    "opportunity": named("lead", "opportunityId"),
    "into": named("lead", "into"),
    "deadline": instant("deadline"),
    "closedAt": instant("closedAt"),
    "actorKind": lambda world, event, given: event.row["actor_kind"],
    "depth": lambda world, event, given: event.row["depth"],
    "run": to_one("run", "run_id"),
    "pool": named("pool", "poolId"),
    "member": named("member", "memberId"),
    "repeats": named("task", "repeats"),
    "mergedInto": merged_into,
    **{name: part(name) for name in ("reason", "notes", "title", "subject", "rule", "status")},
    **{name: part(name) for name in ("period", "currency", "value", "note")},
    **{name: part(name) for name in ("action", "fromCursor", "deliveryId")},
    "since": instant("since"),
    **{name: whole(name) for name in ("imported", "unchanged", "rejected", "movedLeads", "version")},
    "leadIds": lambda world, event, given: held(event)["leadIds"],
    "remindAt": instant("remindAt"),
}
"""The values of event fields, for every type that has them."""


def own(world: World, table: str) -> list[Record]:
    """The caller's own rows."""
    me = next(iter(world.all("member", subject=world.caller.subject)), None)
    return [] if me is None else world.all(table, member_id=me.row["id"])


def notifications(world: World, source: Any, given: Given) -> Page:
    unread = given.get("unread")
    found = own(world, "notification")
    return Page([one for one in found if unread in (None, one.row["read_at"] is None)], given)


def place(world: World, number: int) -> str:
    return base64.b64encode(world.caller.org_id.bytes + number.to_bytes(8)).decode()


def is_muted(world: World, notification: Record, given: Given) -> bool:
    muted = {record.row["record_id"] for record in own(world, "muted_record")}
    return bool({notification.row["lead_id"], notification.row["task_id"]} & muted)


def mail_settings(world: World) -> Mapping[str, Any]:
    return next((one.row for one in own(world, "mail_setting")), DEFAULTS)


HISTORY_RULES: Mapping[tuple[str, str], Rule] = {
    ("Query", "activities"): lambda world, source, given: activities(world, given),
    ("Lead", "activities"): lambda world, lead, given: activities(world, given, lead_id=lead.row["id"]),
    ("Query", "runs"): lambda world, source, given: Page(
        world.all("run", **({"state": given["state"]} if given.get("state") else {})), given
    ),
    ("Query", "changeLog"): lambda world, source, given: happened(world, given, world.all("event")),
    ("Lead", "timeline"): timeline,
    ("Activity", "author"): to_one("member", "author_id"),
    ("Activity", "lead"): to_one("lead", "lead_id"),
    ("Activity", "contact"): to_one("contact", "contact_id"),
    ("Query", "notifications"): notifications,
    ("Viewer", "unreadCount"): lambda world, source, given: sum(
        one.row["read_at"] is None for one in own(world, "notification")
    ),
    ("Viewer", "notificationCursor"): lambda world, source, given: place(
        world, sum(consumer.row["position"] for consumer in world.tables["consumer"])
    ),
    ("Viewer", "notificationSettings"): lambda world, source, given: own(world, "notification_setting"),
    ("Viewer", "mailSettings"): lambda world, source, given: mail_settings(world),
    ("MailSettings", "sent"): lambda world, settings, given: False,
    ("MailSettings", "digestTimes"): lambda world, settings, given: settings["digest_times"],
    ("MailSettings", "digestWeekdays"): lambda world, settings, given: settings["digest_weekdays"],
    ("MailSettings", "quietFrom"): lambda world, settings, given: settings["quiet_from"],
    ("MailSettings", "quietUntil"): lambda world, settings, given: settings["quiet_until"],
    ("MailSettings", "allDayReminderAt"): lambda world, settings, given: settings["all_day_reminder_at"],
    ("Viewer", "calendarFeed"): lambda world, source, given: next(iter(own(world, "calendar_feed")), None),
    ("Notification", "id"): lambda world, notification, given: f"notification_{notification.row['id']}",
    ("Notification", "cursor"): lambda world, notification, given: place(world, notification.row["number"]),
    ("Notification", "muted"): is_muted,
    ("Notification", "lead"): to_one("lead", "lead_id"),
    ("Notification", "task"): to_one("task", "task_id"),
    ("Notification", "actor"): to_one("member", "actor_id"),
}
