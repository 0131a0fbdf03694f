"""The statements with which a session writes how far it is.

Each compares the lease, or follows one that does in the same transaction: a session whose lease was taken over writes
nothing.
"""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import ARRAY, BigInteger, Boolean, Integer, LargeBinary, Text, Uuid, bindparam, text
from sqlalchemy.types import TypeEngine

from engine.change.records import ID, inserted
from engine.change.shards import OWN
from engine.read.rows import ORG
from models.database import Statement
from models.tables.webhook import AttemptLog, WebhookAttempt, WebhookDelivery
from resolvers.reactions.webhooks.leases import INSTANT, LEASE, WEBHOOK_ID

PROGRESS = Statement(
    text(
        """
        UPDATE webhook_state SET position = :position, failures = :failures, failing_since = :failing_since,
            warned = :warned, resume_at = :resume_at,
            test_id = nullif(test_id, :tested), lease_until = CASE WHEN :released THEN NULL ELSE lease_until END
        WHERE org_id = :org_id AND webhook_id = :webhook_id AND lease = :lease RETURNING lease
        """
    ).bindparams(
        ORG,
        WEBHOOK_ID,
        LEASE,
        bindparam("position", type_=BigInteger()),
        *(bindparam(name, type_=Integer()) for name in ("failures", "warned")),
        *(bindparam(name, type_=INSTANT) for name in ("failing_since", "resume_at")),
        bindparam("tested", type_=Uuid()),
        bindparam("released", type_=Boolean()),
    )
)

NEXT_RETRY = Statement(
    text(
        """
        UPDATE webhook_state SET retry_at = (
            SELECT min(due_at) FROM webhook_delivery AS waits
            WHERE waits.org_id = :org_id AND waits.webhook_id = :webhook_id AND waits.given_up_at IS NULL
        ) WHERE org_id = :org_id AND webhook_id = :webhook_id
        """
    ).bindparams(ORG, WEBHOOK_ID)
)
"""When there is something to send again: read from what waits, which an admin may have changed meanwhile."""

DISABLE = Statement(
    text(
        """
        UPDATE webhook SET status = 'DISABLED', disabled_reason = :reason, version = version + 1,
            updated_at = statement_timestamp()
        WHERE org_id = :org_id AND id = :id AND status = 'ACTIVE' RETURNING id
        """
    ).bindparams(ORG, ID)
)

_LISTS: Mapping[str, TypeEngine[Any]] = {
    "ids": Uuid(),
    "numbers": BigInteger(),
    "types": Text(),
    "records": Text(),
    "bodies": LargeBinary(),
    "attempts": Integer(),
    "due_ats": INSTANT,
    "given_up_ats": INSTANT,
}

_STORED = inserted(
    WebhookDelivery,
    {
        "org_id": "own.id",
        "webhook_id": ":webhook_id",
        "id": "one.id",
        "number": "one.number",
        "type": "one.type",
        "record": "one.record",
        "body": "one.body",
        "attempts": "one.attempts",
        "due_at": "one.due_at",
        "given_up_at": "one.given_up_at",
    },
)

STORE = Statement(
    text(
        f"""
        INSERT INTO webhook_delivery ({_STORED.columns}) SELECT {_STORED.values}
        FROM {OWN}, unnest({", ".join(f":{name}" for name in _LISTS)})
            AS one (id, number, type, record, body, attempts, due_at, given_up_at)
        WHERE own.id = :org_id
        ON CONFLICT (org_id, webhook_id, id) DO UPDATE SET number = excluded.number, attempts = excluded.attempts,
            due_at = excluded.due_at, given_up_at = excluded.given_up_at
        """
    ).bindparams(ORG, WEBHOOK_ID, *(bindparam(name, type_=ARRAY(type_)) for name, type_ in _LISTS.items()))
)
"""What could not be delivered waits from now on. One that was given up and is replayed waits again."""

DEFER = Statement(
    text(
        """
        UPDATE webhook_delivery SET attempts = one.attempts, due_at = one.due_at, given_up_at = one.given_up_at
        FROM unnest(:ids, :attempts, :due_ats, :given_up_ats) AS one (id, attempts, due_at, given_up_at)
        WHERE org_id = :org_id AND webhook_id = :webhook_id AND webhook_delivery.id = one.id
        """
    ).bindparams(
        ORG,
        WEBHOOK_ID,
        *(bindparam(name, type_=ARRAY(_LISTS[name])) for name in ("ids", "attempts", "due_ats", "given_up_ats")),
    )
)
"""What was tried again and waits on. One that was skipped meanwhile stays away."""

DONE = Statement(
    text(
        "DELETE FROM webhook_delivery WHERE org_id = :org_id AND webhook_id = :webhook_id AND id = ANY(:ids)"
    ).bindparams(ORG, WEBHOOK_ID, bindparam("ids", type_=ARRAY(Uuid())))
)

HURRY = Statement(
    text(
        """
        UPDATE webhook_delivery SET due_at = statement_timestamp()
        WHERE org_id = :org_id AND webhook_id = :webhook_id AND given_up_at IS NULL
        """
    ).bindparams(ORG, WEBHOOK_ID)
)
"""The endpoint answers again: nothing has to wait any longer."""

_TRIED: Mapping[str, TypeEngine[Any]] = {
    "ids": Uuid(),
    "event_ids": Uuid(),
    "types": Text(),
    "delivereds": Boolean(),
    "statuses": Integer(),
    "times": Integer(),
    "errors": Text(),
    "messages": Text(),
    "responses": Text(),
    "ats": INSTANT,
}

_LOGGED = inserted(
    WebhookAttempt,
    {
        "org_id": "own.id",
        "webhook_id": ":webhook_id",
        "id": "one.id",
        "number": "log.before + one.nth",
        "event_id": "one.event_id",
        "type": "one.type",
        "delivered": "one.delivered",
        "status": "one.status",
        "milliseconds": "one.milliseconds",
        "error": "one.error",
        "message": "one.message",
        "response": "one.response",
        "at": "one.at",
    },
)

_COUNTED = inserted(AttemptLog, {"org_id": "own.id", "head": "cardinality(:ids)"}, default=("tail",))

LOG = Statement(
    text(
        f"""
        WITH log AS (
            INSERT INTO attempt_log ({_COUNTED.columns})
            SELECT {_COUNTED.values} FROM {OWN} WHERE own.id = :org_id
            ON CONFLICT (org_id) DO UPDATE SET head = attempt_log.head + excluded.head
            RETURNING head - cardinality(:ids) AS before
        )
        INSERT INTO webhook_attempt ({_LOGGED.columns}) SELECT {_LOGGED.values}
        FROM {OWN}, log, unnest({", ".join(f":{name}" for name in _TRIED)}) WITH ORDINALITY
            AS one (id, event_id, type, delivered, status, milliseconds, error, message, response, at, nth)
        WHERE own.id = :org_id
        """
    ).bindparams(ORG, WEBHOOK_ID, *(bindparam(name, type_=ARRAY(type_)) for name, type_ in _TRIED.items()))
)
"""Attempts are numbered with a lock on the counter of the organisation, so it is the last but for the event log's."""
