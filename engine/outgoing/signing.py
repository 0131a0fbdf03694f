"""Signatures of requests, by which a receiver knows who sent them. Source: Standard Webhooks 1.0."""

import hmac
import secrets
from base64 import b64decode, b64encode
from binascii import Error as Base64Error
from collections.abc import Iterable, Mapping

PREFIX = "whsec_"
LEAST_BYTES, MOST_BYTES = 24, 64
MADE_BYTES = 32

WRONG_FORM = (
    f"A secret is {PREFIX} and then {LEAST_BYTES} to {MOST_BYTES} random bytes in base64. Leave it out to have one"
    " made."
)


def make_secret() -> str:
    """A new secret, as receivers are given it."""
    return PREFIX + b64encode(secrets.token_bytes(MADE_BYTES)).decode()


def key_bytes(secret: str) -> bytes:
    """The bytes of a secret. Raises `ValueError` when it does not have the form."""
    try:
        key = b64decode(secret.removeprefix(PREFIX), validate=True)
    except (Base64Error, ValueError) as wrong:
        raise ValueError(WRONG_FORM) from wrong
    if not secret.startswith(PREFIX) or not LEAST_BYTES <= len(key) <= MOST_BYTES:
        raise ValueError(WRONG_FORM)
    return key


def signed(keys: Iterable[bytes], message_id: str, timestamp: int, body: bytes) -> Mapping[str, str]:
    """The headers of a message: its id, the second of this attempt, and a signature with each of the keys."""
    content = f"{message_id}.{timestamp}.".encode() + body
    signatures = (b64encode(hmac.digest(key, content, "sha256")).decode() for key in keys)
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": " ".join(f"v1,{signature}" for signature in signatures),
    }
