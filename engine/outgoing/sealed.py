"""Secrets as they are stored: sealed with a key of the operator, which is not in the database.

A sealed secret begins with the number of its format and the mark of its key; then come a nonce and what AES-GCM makes
of the text (NIST SP 800-38D). It opens only in the place it was sealed for, so a row that is copied opens nowhere.
"""

import os
from base64 import b64decode
from binascii import Error as Base64Error
from collections.abc import Sequence
from hashlib import sha256

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

FORMAT = b"\x01"
KEY_BYTES = 32
MARK_BYTES = 4
NONCE_BYTES = 12

_URL_SAFE = str.maketrans("-_", "+/")


class CannotOpen(Exception):
    """The key of a sealed secret is not among those of the settings, or the secret belongs to another place."""


def key_of(text: str) -> bytes:
    """A key of 32 bytes from base64. Raises `ValueError`."""
    try:
        plain = text.strip().translate(_URL_SAFE)
        key = b64decode(plain + "=" * (-len(plain) % 4), validate=True)
    except (Base64Error, ValueError) as wrong:
        raise ValueError("must be base64; generate one with `openssl rand -base64 32`") from wrong
    if len(key) != KEY_BYTES:
        raise ValueError(f"must be {KEY_BYTES} bytes in base64; generate one with `openssl rand -base64 {KEY_BYTES}`")
    return key


class Sealer:
    """Seals with the first of the keys, and opens what any of them has sealed."""

    def __init__(self, keys: Sequence[bytes]) -> None:
        """Raises `ValueError` without a key."""
        if not keys:
            raise ValueError("A sealer needs a key.")
        self._keys = {sha256(key).digest()[:MARK_BYTES]: AESGCM(key) for key in reversed(keys)}
        self._mark = sha256(keys[0]).digest()[:MARK_BYTES]

    def seal(self, secret: bytes, place: bytes) -> bytes:
        """A secret as it is stored in a place, such as the id of its row."""
        nonce = os.urandom(NONCE_BYTES)
        return FORMAT + self._mark + nonce + self._keys[self._mark].encrypt(nonce, secret, FORMAT + place)

    def open(self, sealed: bytes, place: bytes) -> bytes:
        """The secret. Raises `CannotOpen`."""
        start = len(FORMAT) + MARK_BYTES
        mark, nonce = sealed[len(FORMAT) : start], sealed[start : start + NONCE_BYTES]
        key = self._keys.get(mark)
        if sealed[: len(FORMAT)] != FORMAT or key is None:
            raise CannotOpen("This secret was sealed with a key that is not among the settings.")
        try:
            return key.decrypt(nonce, sealed[start + NONCE_BYTES :], FORMAT + place)
        except InvalidTag as wrong:
            raise CannotOpen("This secret was sealed for another place, or has been changed.") from wrong
