"""The event log as it is read: cursors, and the events that a subscription asks for."""

from base64 import b64decode, b64encode
from binascii import Error as Base64Error
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, Text, Uuid, cast, func, literal_column

from models.event import Event, EventLog
from models.lead import Lead
from models.member import Member
from models.pipeline import Pipeline
from models.stage import Stage
from resolvers.reading import ORG, Args, Expression, Rows, quoted, rows


def encode_cursor(org_id: UUID, number: int) -> str:
    """The opaque cursor of an organisation's event: both in 24 bytes, so a stranger's cursor is known as one."""
    return b64encode(org_id.bytes + number.to_bytes(8)).decode()


def decode_cursor(text: str) -> tuple[UUID, int]:
    """The organisation and the number that a cursor names. Raises `ValueError` when it is no cursor."""
    try:
        raw = b64decode(text, validate=True)
    except (Base64Error, ValueError):
        raw = b""
    if len(raw) != 24 or raw[16] > 0x7F:
        raise ValueError("this is not an event cursor. Send a cursor exactly as it came from this API.")
    return UUID(bytes=raw[:16]), int.from_bytes(raw[16:])


def _cursor(number: Expression) -> Expression:
    """`encode_cursor`, inside PostgreSQL."""
    raw = func.uuid_send(ORG).concat(func.int8send(cast(number, BigInteger)))
    return func.encode(raw, quoted("base64"), type_=Text())


def head(root: Any, args: Args) -> Expression:
    """The cursor of the last event that this snapshot includes."""
    log = rows(EventLog)
    last = log.value(lambda row: row.head)
    return _cursor(func.coalesce(last, literal_column("0")))


def cursor(event: Any, args: Args) -> Expression:
    """The cursor of an event."""
    return _cursor(event.number)


def actor(event: Any, args: Args) -> Rows:
    """Who did it."""
    return rows(Member, event.actor_id)


def lead(event: Any, args: Args) -> Rows:
    """The lead it happened to, as it is now."""
    return rows(Lead, event.lead_id)


def from_stage(event: Any, args: Args) -> Rows:
    """The stage that was left."""
    return rows(Stage, event.from_stage_id)


def from_pipeline(event: Any, args: Args) -> Rows:
    """The pipeline that was left."""
    return rows(Pipeline, event.from_pipeline_id)


def to_stage(event: Any, args: Args) -> Rows:
    """The stage that was entered."""
    return rows(Stage, event.stage_id)


def to_pipeline(event: Any, args: Args) -> Rows:
    """The pipeline that was entered."""
    return rows(Pipeline, event.pipeline_id)


def of_type(type_: str) -> Rows:
    """The events of one type, in the order they were committed."""
    found = rows(Event)
    return found.where(found.entity.type == literal_column(f"'{type_}'")).ordered(found.entity.number.asc())
