"""Creating, updating and deleting webhooks."""

import json
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import BigInteger, bindparam, text

from engine.change.fields import Fields, required
from engine.change.records import ID, describe, differing, inserted, rewrite
from engine.change.transaction import Change
from engine.outgoing.target import LONGEST_URL
from engine.read.rows import ORG
from models.database import Statement
from models.event_types import Changed, EventType, Plain
from models.rules.ids import public_id
from models.rules.refusal import Checks, Refusal, Refused, not_found
from models.rules.roles import Role
from models.tables.base import new_id
from models.tables.event import NewEvent
from models.tables.webhook import Webhook, WebhookOrdering, WebhookState
from resolvers.changes.locks import LOCK_ORGANISATION
from resolvers.changes.webhooks.documents import DEFAULT_SELECTION, expect_sendable, one_selection
from resolvers.changes.webhooks.rows import (
    add_secret,
    expect_addresses,
    expect_cursor,
    expect_secret,
    expect_url,
    lock_webhook,
    number_after,
    sealer_of,
    site,
)
from resolvers.conditions.stored import expect_known, kept

MOST_WEBHOOKS = 50
"""Webhooks of an organisation."""

COUNT_WEBHOOKS = Statement(text("SELECT count(*) AS webhooks FROM webhook WHERE org_id = :org_id").bindparams(ORG))

KEEP_PIPELINE = Statement(
    text("SELECT id FROM pipeline WHERE org_id = :org_id AND id = :id AND deleted_at IS NULL FOR KEY SHARE").bindparams(
        ORG, ID
    )
)


def _types(types: Sequence[str] | None, *field: str) -> list[str]:
    """The names of types as they are published, each once; none for all."""
    return sorted({EventType(type_).name for type_ in types or ()})


def _short(url: str, *field: str) -> str:
    if len(url) > LONGEST_URL:
        text = f"This URL has {len(url):,} characters. Send one of up to {LONGEST_URL:,}."
        raise Refused(Refusal.INVALID, text, *field)
    return url


def _condition(given: Mapping[str, Any] | None, *field: str) -> str | None:
    """A condition as it is stored."""
    return None if given is None else json.dumps(kept(given, *field)[0], ensure_ascii=False)


FIELDS = Fields(
    Webhook,
    url=required(_short),
    types=_types,
    pipeline_id=lambda value, *field: value,
    condition=_condition,
    selection=required(one_selection),
    ordering=required(),
    role=required(),
)

MAKE_WEBHOOK = FIELDS.make(default=("status", "disabled_reason"))

REVISE_WEBHOOK = FIELDS.revise()

STARTED = inserted(
    WebhookState,
    {"org_id": ":org_id", "webhook_id": ":webhook_id", "position": ":position"},
    default=(
        "replay_to", "failures", "failing_since", "warned", "resume_at", "retry_at", "test_id", "lease", "lease_until",
    ),
)  # fmt: skip

START = Statement(
    text(f"INSERT INTO webhook_state ({STARTED.columns}) VALUES ({STARTED.values})").bindparams(
        ORG, bindparam("position", type_=BigInteger())
    )
)

DELETE = Statement(text("DELETE FROM webhook WHERE org_id = :org_id AND id = :id").bindparams(ORG, ID))
"""Its secrets, its state and what waits for it go with it, by their foreign keys."""


def check_new(given: Mapping[str, Any]) -> None:
    """Check the fields of a new webhook by themselves. Raises `Refused` for all that are not valid."""
    with Checks() as check:
        check(FIELDS.check, given)
        check(expect_secret, given.get("secret"), "secret")
        check(expect_cursor, given.get("from_cursor"), "fromCursor")


async def create_webhook(
    change: Change,
    url: str,
    types: Sequence[str] | None = None,
    pipeline_id: UUID | None = None,
    condition: Mapping[str, Any] | None = None,
    selection: str = DEFAULT_SELECTION,
    ordering: str = WebhookOrdering.PER_RECORD,
    role: str = Role.VIEWER,
    secret: str | None = None,
    from_cursor: str | None = None,
) -> Mapping[str, Any]:
    """Create a webhook, which starts now or after a cursor. The secret is returned once.

    Raises `Refused`: URL_NOT_ALLOWED; INVALID; NOT_FOUND for the pipeline, and for records of the condition;
    CURSOR_EXPIRED; NO_SECRETS_KEY.
    """
    given = {
        "url": url,
        "types": types,
        "pipeline_id": pipeline_id,
        "condition": condition,
        "selection": selection,
    }
    with Checks() as check:
        await check.later(expect_addresses(change.outlet, url, "url"))
        await change.run(LOCK_ORGANISATION)
        fields = check(FIELDS.tidy, {**given, "ordering": ordering, "role": role})
        await _expect_usable(change, check, given)
        secret = check(expect_secret, secret, "secret")
        sealer = check(sealer_of, change.outlet)
        position = await check.later(number_after(change, from_cursor, "fromCursor"))
        await check.later(_expect_room(change))
    webhook_id = new_id()
    await change.run(MAKE_WEBHOOK, id=webhook_id, **fields)
    await change.run(START, webhook_id=webhook_id, position=position)
    shown = await add_secret(change, webhook_id, secret, sealer)
    change.emit(NewEvent(Plain(EventType.WEBHOOK_CREATED), record_id=webhook_id))
    return {"webhook": webhook_id, **shown}


async def update_webhook(
    change: Change, webhook_id: UUID, expected_version: int | None = None, **given: Any
) -> Mapping[str, Any]:
    """Update fields of a webhook. Events that are not sent yet are sent by the new ones.

    Raises `Refused`: NOT_FOUND; CONFLICT, showing the webhook; URL_NOT_ALLOWED; INVALID.
    """
    with Checks() as check:
        await check.later(expect_addresses(change.outlet, given.get("url"), "url"))
        wanted = check(FIELDS.tidy, given)
        await _expect_usable(change, check, given)
        webhook = await check.later(lock_webhook(change, webhook_id, expected_version))
    changes = differing(webhook, wanted)
    if not changes:
        return {"webhook": webhook_id}
    described = dict(describe(webhook, changes))
    if "url" in changes:
        described["url"] = [site(webhook["url"]), site(changes["url"])]
    if "condition" in changes:
        described["condition"] = [text and orjson.loads(text) for text in described["condition"]]
    await rewrite(change, REVISE_WEBHOOK, webhook, changes)
    change.emit(NewEvent(Changed(EventType.WEBHOOK_UPDATED, described), record_id=webhook_id))
    return {"webhook": webhook_id}


async def delete_webhook(change: Change, webhook_id: UUID, expected_version: int | None = None) -> Mapping[str, Any]:
    """Delete a webhook, with its secrets and what waits for it. Raises `Refused`: NOT_FOUND; CONFLICT, showing it."""
    await lock_webhook(change, webhook_id, expected_version, taken=True)
    await change.run(DELETE, id=webhook_id)
    change.emit(NewEvent(Plain(EventType.WEBHOOK_DELETED), record_id=webhook_id))
    return {"deleted_webhook_id": public_id("webhook", webhook_id)}


async def _expect_usable(change: Change, check: Checks, given: Mapping[str, Any]) -> None:
    """Check what depends on the operator's settings, the schema and other records."""
    if given.get("url") is not None and not any("url" in found.field for found in check.refused):
        check(expect_url, change.outlet, given["url"], "url")
    if given.get("selection") is not None and not any("selection" in found.field for found in check.refused):
        check(expect_sendable, change.outlet, given["selection"].strip(), "selection")
    if given.get("pipeline_id") is not None:
        await check.later(_expect_pipeline(change, given["pipeline_id"]))
    if given.get("condition") is not None and not any("condition" in found.field for found in check.refused):
        await check.later(expect_known(change, kept(given["condition"], "condition")[1]))


async def _expect_pipeline(change: Change, pipeline_id: UUID) -> None:
    if await change.first(KEEP_PIPELINE, id=pipeline_id) is None:
        raise not_found("pipeline", "pipelineId")


async def _expect_room(change: Change) -> None:
    found = await change.first(COUNT_WEBHOOKS)
    if found is not None and found["webhooks"] >= MOST_WEBHOOKS:
        raise Refused(
            Refusal.INVALID, f"Your organisation has {MOST_WEBHOOKS} webhooks, as many as it can. Delete one first."
        )
