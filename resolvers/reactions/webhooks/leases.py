"""The statements with which a process finds webhooks with something to send, and takes and keeps their leases."""

from sqlalchemy import ARRAY, BigInteger, DateTime, Uuid, bindparam, text

from engine.change.records import ID
from engine.change.shards import CLOCK
from engine.read.rows import ORG
from models.database import Statement

WEBHOOK_ID = bindparam("webhook_id", type_=Uuid())
LEASE = bindparam("lease", type_=BigInteger())
INSTANT = DateTime(timezone=True)

SECONDS = 30
"""Seconds of a lease. It is renewed long before its end; after a kill, another process takes over when it ends."""

UNTIL = f"(clock.now AT TIME ZONE 'UTC' + interval '{SECONDS} seconds') AT TIME ZONE 'UTC'"

_DUE = """
    SELECT state.org_id, state.webhook_id FROM webhook_state AS state
    JOIN webhook ON webhook.org_id = state.org_id AND webhook.id = state.webhook_id
    JOIN event_log AS log ON log.org_id = state.org_id
    JOIN organisation ON organisation.id = state.org_id
    WHERE organisation.suspended_at IS NULL
        AND (state.lease_until IS NULL OR state.lease_until < statement_timestamp())
        AND (state.test_id IS NOT NULL OR webhook.status = 'ACTIVE'
            AND (state.resume_at IS NULL OR state.resume_at <= statement_timestamp())
            AND (state.position < log.head OR state.retry_at <= statement_timestamp()))
"""

DUE = Statement(text(f"{_DUE} ORDER BY state.lease_until NULLS FIRST LIMIT CAST(:most AS int)"))
"""Webhooks of all organisations with something to send, which nobody sends to."""

DUE_IN = Statement(text(f"{_DUE} AND state.org_id = :org_id").bindparams(ORG))
"""Those of one organisation, whose log has just grown."""

ACTIVE = Statement(
    text("SELECT org_id, count(*) FILTER (WHERE status = 'ACTIVE') AS webhooks FROM webhook GROUP BY org_id")
)
"""The organisations with webhooks, and how many of them are sent to."""

HELD = Statement(
    text(
        """
        SELECT webhook.id, webhook.version, webhook.status, state.lease, state.test_id,
            organisation.suspended_at IS NOT NULL AS suspended
        FROM webhook JOIN webhook_state AS state ON state.org_id = webhook.org_id AND state.webhook_id = webhook.id
        JOIN organisation ON organisation.id = webhook.org_id
        WHERE webhook.org_id = ANY(:org_ids) AND webhook.id = ANY(:ids)
        """
    ).bindparams(bindparam("org_ids", type_=ARRAY(Uuid())), bindparam("ids", type_=ARRAY(Uuid())))
)
"""How the webhooks are that a process sends to."""

LEASED = Statement(
    text(
        f"""
        UPDATE webhook_state SET lease = lease + 1, lease_until = {UNTIL} FROM {CLOCK}
        WHERE org_id = :org_id AND webhook_id = :webhook_id AND (lease_until IS NULL OR lease_until < clock.now)
        RETURNING lease, position, replay_to, failures, failing_since, warned, resume_at, test_id
        """
    ).bindparams(ORG, WEBHOOK_ID)
)
"""Take the lease of a webhook, unless somebody has it."""

RENEW = Statement(
    text(
        f"""
        UPDATE webhook_state SET lease_until = {UNTIL}
        FROM {CLOCK}, unnest(:webhook_ids, :leases) AS held (webhook_id, lease)
        WHERE webhook_state.org_id = :org_id AND webhook_state.webhook_id = held.webhook_id
            AND webhook_state.lease = held.lease
        """
    ).bindparams(ORG, bindparam("webhook_ids", type_=ARRAY(Uuid())), bindparam("leases", type_=ARRAY(BigInteger())))
)

ENDPOINT = Statement(
    text(
        """
        SELECT webhook.url, webhook.types, webhook.pipeline_id, webhook.condition, webhook.selection,
            webhook.ordering, webhook.role, webhook.status, webhook.version, organisation.key AS organisation, log.head
        FROM webhook JOIN organisation ON organisation.id = webhook.org_id
        JOIN event_log AS log ON log.org_id = webhook.org_id
        WHERE webhook.org_id = :org_id AND webhook.id = :id
        """
    ).bindparams(ORG, ID)
)
"""A webhook as all events up to the `head` have left it."""

SECRETS = Statement(
    text(
        """
        SELECT id, sealed, expires_at FROM webhook_secret
        WHERE org_id = :org_id AND webhook_id = :webhook_id
            AND (expires_at IS NULL OR expires_at > statement_timestamp())
        ORDER BY id DESC
        """
    ).bindparams(ORG, WEBHOOK_ID)
)

WAITING = Statement(
    text(
        """
        SELECT id, number, type, record, attempts, due_at FROM webhook_delivery
        WHERE org_id = :org_id AND webhook_id = :webhook_id AND given_up_at IS NULL ORDER BY number
        """
    ).bindparams(ORG, WEBHOOK_ID)
)

BODY = Statement(
    text(
        "SELECT body FROM webhook_delivery WHERE org_id = :org_id AND webhook_id = :webhook_id AND id = :id"
    ).bindparams(ORG, WEBHOOK_ID, ID)
)
