"""What is published of an event to a broker: all that the log holds, with the ids and the names of the API."""

import orjson

from engine.background.relay import Message
from engine.change.records import instant
from models.database import Row
from models.rules.ids import public_id
from models.rules.text import spelled
from resolvers.reads.events.event_fields import noun_of

NAMED = {
    "run_id": "run",
    "actor_id": "member",
    "lead_id": "lead",
    "owner_id": "member",
    "pipeline_id": "pipeline",
    "stage_id": "stage",
    "from_pipeline_id": "pipeline",
    "from_stage_id": "stage",
}
"""The records that an event names, with their types."""


def message(event: Row) -> Message:
    """An event as it is published; `data` is what the log holds, such as `changes` and the fields of a record."""
    id = public_id("event", event["id"])
    record_id = event["record_id"] or event["lead_id"]
    body = {
        "id": id,
        "organisationId": str(event["org_id"]),
        "number": event["number"],
        "type": event["type"],
        "occurredAt": instant(event["occurred_at"]),
        "actorKind": event["actor_kind"],
        "mutation": event["mutation"] and spelled(event["mutation"]),
        "depth": event["depth"],
        "recordId": record_id and public_id(noun_of(event["type"]), record_id),
        **{spelled(name): event[name] and public_id(noun, event[name]) for name, noun in NAMED.items()},
        "data": orjson.Fragment(event["data"]),
    }
    return Message(event["org_id"], event["number"], id, event["type"], orjson.dumps(body))
