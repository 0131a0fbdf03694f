"""Cursors: places in a sorted list. Opaque to clients, who only send back what they received.

A cursor is checked as strictly as any other input: its content is bound into SQL, and anybody can forge one.
"""

import re
from base64 import b64decode
from binascii import Error as Base64Error
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import BigInteger, Date, DateTime, Integer, Numeric
from sqlalchemy.types import TypeEngine

_ORDER = re.compile(r"[A-Z_]{1,40}", re.ASCII)
_INTEGER = re.compile(r"-?[0-9]{1,19}", re.ASCII)
_DECIMAL = re.compile(r"-?[0-9]{1,100}(\.[0-9]{1,100})?", re.ASCII)

NOT_A_CURSOR = "this is not a cursor of this list. Send a cursor exactly as it came, or leave it out."


@dataclass(frozen=True)
class Cursor:
    """A place in a sorted list: the order it belongs to, the column's value there (as text, or null), and the id."""

    order: str
    value: str | None
    id: UUID

    @property
    def shape(self) -> tuple[str, bool]:
        """The part of it that changes the SQL: the order, and whether the value is null."""
        return self.order, self.value is None

    @classmethod
    def parse(cls, text: str) -> "Cursor":
        """Read a cursor from a client. Raises `ValueError` when this server did not create it."""
        try:
            order, value, id = orjson.loads(b64decode(text, validate=True))
            if _ORDER.fullmatch(order) and isinstance(value, str | None) and "\0" not in (value or ""):
                return cls(order, value, UUID(id))
        except (Base64Error, ValueError, TypeError, AttributeError):
            pass
        raise ValueError(NOT_A_CURSOR)

    def read(self, type_: TypeEngine[Any]) -> Any:
        """The value, as asyncpg binds it for a column of this type. Raises `ValueError` when it is of another type."""
        try:
            return _read(self.value or "", type_)
        except (ValueError, OverflowError) as error:
            raise ValueError(NOT_A_CURSOR) from error


def _read(text: str, type_: TypeEngine[Any]) -> Any:
    if isinstance(type_, DateTime):
        instant = datetime.fromisoformat(text)
        if instant.tzinfo is None:
            raise ValueError(text)
        return instant.astimezone(UTC)
    if isinstance(type_, Date):
        return date.fromisoformat(text)
    if isinstance(type_, Integer):
        bits = 63 if isinstance(type_, BigInteger) else 31
        if not _INTEGER.fullmatch(text) or not -(2**bits) <= int(text) < 2**bits:
            raise ValueError(text)
        return int(text)
    if isinstance(type_, Numeric):
        if not _DECIMAL.fullmatch(text):
            raise ValueError(text)
        return Decimal(text)
    return text
