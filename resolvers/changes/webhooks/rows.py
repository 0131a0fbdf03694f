"""What changes of webhooks share: the rows they lock, the checks of their inputs, and new secrets."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

from sqlalchemy import BigInteger, Uuid, bindparam, text

from engine.change.idempotency import ShownOnce
from engine.change.records import ID, make
from engine.change.transaction import Change
from engine.live.selection import decode_cursor
from engine.outgoing.outlet import Outlet
from engine.outgoing.sealed import Sealer
from engine.outgoing.signing import key_bytes, make_secret, public_key
from engine.outgoing.target import TargetRefused, target_of
from engine.read.rows import ORG
from models.database import Row, Statement
from models.rules.refusal import Refusal, Refused, not_found
from models.tables.base import new_id
from models.tables.webhook import WebhookSecret
from resolvers.changes.locks import expect_version

HINT = 4
"""Characters of a secret's end that are shown."""

LOCK_WEBHOOK = Statement(
    text("SELECT * FROM webhook WHERE org_id = :org_id AND id = :id FOR NO KEY UPDATE").bindparams(ORG, ID)
)

TAKE_WEBHOOK = Statement(
    text("SELECT * FROM webhook WHERE org_id = :org_id AND id = :id FOR UPDATE").bindparams(ORG, ID)
)

TOUCH = Statement(
    text(
        """
        UPDATE webhook SET version = version + 1, updated_at = statement_timestamp()
        WHERE org_id = :org_id AND id = :id
        """
    ).bindparams(ORG, ID)
)
"""The process that delivers begins anew when the version is another one."""

LOG = Statement(text("SELECT tail, head FROM event_log WHERE org_id = :org_id").bindparams(ORG))

MAKE_SECRET = make(WebhookSecret, "webhook_id", "sealed", "hint", "public_key", default=("expires_at",))

NUMBER = bindparam("number", type_=BigInteger())

WEBHOOK_ID = bindparam("webhook_id", type_=Uuid())

FORGET = Statement(
    text(
        "DELETE FROM webhook_delivery WHERE org_id = :org_id AND webhook_id = :webhook_id AND number > :number"
    ).bindparams(ORG, WEBHOOK_ID, NUMBER)
)


async def lock_webhook(
    change: Change, webhook_id: UUID, expected_version: int | None = None, *, taken: bool = False
) -> Row:
    """Lock a webhook. Raises `Refused`: NOT_FOUND; CONFLICT, showing the webhook."""
    found = await change.first(TAKE_WEBHOOK if taken else LOCK_WEBHOOK, id=webhook_id)
    if found is None:
        raise not_found("webhook", "webhookId")
    expect_version(found, expected_version, webhook=webhook_id)
    return found


def expect_url(outlet: Outlet, url: str, *field: str) -> str:
    """A URL that requests may be sent to. Raises `Refused` URL_NOT_ALLOWED. Nothing is sent there, nor looked up."""
    try:
        return target_of(url, outlet.guard).url
    except TargetRefused as wrong:
        raise Refused(Refusal.URL_NOT_ALLOWED, str(wrong), *field) from wrong


async def expect_addresses(outlet: Outlet, url: str | None, *field: str) -> None:
    """Refuse, with URL_NOT_ALLOWED, a name that leads to where nothing is sent, or nowhere. Call it before rows are
    locked: a name server may take its time. What is wrong with the URL itself is said by `expect_url`."""
    try:
        is_named = url is not None and target_of(url, outlet.guard).address is None
    except TargetRefused:
        return
    try:
        if url is not None and is_named:
            await outlet.look_up(url)
    except TargetRefused as wrong:
        raise Refused(Refusal.URL_NOT_ALLOWED, str(wrong), *field) from wrong


def site(url: str) -> str:
    """What of a URL is shown to all members: the rest may hold a secret."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def sealer_of(outlet: Outlet) -> Sealer:
    """What seals secrets. Raises `Refused` NO_SECRETS_KEY."""
    if outlet.sealer is None:
        raise Refused(
            Refusal.NO_SECRETS_KEY,
            "This server has no key to seal secrets with. Ask its operator to set DEALBOARD_SECRETS_KEY.",
        )
    return outlet.sealer


def expect_secret(secret: str | None, *field: str) -> str:
    """The secret, or a new one. Raises `Refused` INVALID for the wrong form."""
    if secret is None:
        return make_secret()
    try:
        key_bytes(secret)
    except ValueError as wrong:
        raise Refused(Refusal.INVALID, str(wrong), *field) from wrong
    return secret


def sealed_for(webhook_id: UUID, secret_id: UUID, org_id: UUID) -> bytes:
    """The place that a secret is sealed for."""
    return b"webhook" + org_id.bytes + webhook_id.bytes + secret_id.bytes


async def add_secret(change: Change, webhook_id: UUID, secret: str, sealer: Sealer) -> Mapping[str, Any]:
    """Store a secret of a webhook, sealed; returns it for the payload."""
    id = new_id()
    sealed = sealer.seal(secret.encode(), sealed_for(webhook_id, id, change.org_id))
    shown = {"hint": secret[-HINT:], "public_key": public_key(secret)}
    await change.run(MAKE_SECRET, id=id, webhook_id=webhook_id, sealed=sealed, **shown)
    return {"secret": ShownOnce(secret)}


def expect_cursor(cursor: str | None, *field: str) -> tuple[UUID, int] | None:
    """The organisation and the number of a cursor, if one is given. Raises `Refused` INVALID."""
    try:
        return None if cursor is None else decode_cursor(cursor)
    except ValueError as wrong:
        raise Refused(Refusal.INVALID, f"This value is wrong: {wrong}", *field) from wrong


async def number_after(change: Change, cursor: str | None, *field: str) -> int:
    """The number that a cursor names, or the last of the log. Raises `Refused`: INVALID for the cursor of another log
    or of none; CURSOR_EXPIRED."""
    log = await change.first(LOG)
    assert log is not None
    head: int = log["head"]
    place = expect_cursor(cursor, *field)
    if place is None:
        return head
    org_id, number = place
    if org_id != change.org_id or number > head:
        raise Refused(
            Refusal.INVALID, "This cursor is not of your organisation's events. Query `cursor` for one of them.", *field
        )
    expect_kept(number, log, *field)
    return number


def expect_kept(number: int, log: Row, *field: str) -> None:
    """Refuse, with CURSOR_EXPIRED, a number after which events are no longer kept."""
    if number + 1 < log["tail"]:
        raise Refused(
            Refusal.CURSOR_EXPIRED, "Events after this place are no longer kept. Start at a later one.", *field
        )
