"""Signatures of requests, by which a receiver knows who sent them. Source: Standard Webhooks 1.0."""

import hmac
import secrets
from base64 import b64decode, b64encode
from binascii import Error as Base64Error
from collections.abc import Iterable, Mapping
from functools import lru_cache

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

PREFIX, PUBLIC_PREFIX = "whsec_", "whpk_"
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


@lru_cache(maxsize=1_000)
def _private(key: bytes) -> Ed25519PrivateKey:
    """The private key of a secret, made from it, so that there is nothing more to keep."""
    return Ed25519PrivateKey.from_private_bytes(hmac.digest(key, b"ed25519", "sha256"))


def public_key(secret: str) -> str:
    """The public key that belongs to a secret: with it, a receiver verifies `v1a` signatures and can make none."""
    return PUBLIC_PREFIX + b64encode(_private(key_bytes(secret)).public_key().public_bytes_raw()).decode()


def signed(keys: Iterable[bytes], message_id: str, timestamp: int, body: bytes) -> Mapping[str, str]:
    """The headers of a message: its id, the second of this attempt, and with each of the keys a signature for those who
    know the secret (`v1`, HMAC-SHA256) and one for those who know its public key (`v1a`, Ed25519)."""
    content = f"{message_id}.{timestamp}.".encode() + body
    signatures = [
        f"{version},{b64encode(signature).decode()}"
        for key in keys
        for version, signature in (("v1", hmac.digest(key, content, "sha256")), ("v1a", _private(key).sign(content)))
    ]
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": " ".join(signatures),
    }
