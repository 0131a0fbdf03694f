"""The token of a calendar feed, a part of its address: whose it is, and a secret of which only a hash is kept."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as Base64Error
from hashlib import sha256
from secrets import token_bytes
from uuid import UUID

BYTES = 32
"""Bytes of the secret."""


def new_secret() -> bytes:
    """A secret that nobody can guess."""
    return token_bytes(BYTES)


def hashed(secret: bytes) -> str:
    """What is kept of a secret. It is as long as a key, so a plain hash of it cannot be searched."""
    return sha256(secret).hexdigest()


def token_of(org_id: UUID, member_id: UUID, secret: bytes) -> str:
    """The token of a feed, of characters that an address can hold."""
    return urlsafe_b64encode(org_id.bytes + member_id.bytes + secret).decode().rstrip("=")


def read_token(token: str) -> tuple[UUID, UUID, str] | None:
    """The organisation, the member and the hash of the secret; None for what is no token."""
    try:
        raw = urlsafe_b64decode(token.encode("ascii") + b"==")
    except (Base64Error, ValueError):
        return None
    if len(raw) != 32 + BYTES or token_of(UUID(bytes=raw[:16]), UUID(bytes=raw[16:32]), raw[32:]) != token:
        return None
    return UUID(bytes=raw[:16]), UUID(bytes=raw[16:32]), hashed(raw[32:])
