"""Secrets as they are stored."""

import base64
import os

import pytest

from engine.outgoing.sealed import CannotOpen, Sealer, key_of

OLD, NEW = os.urandom(32), os.urandom(32)


def test_a_secret_opens_in_its_place_only() -> None:
    """A row that is copied to another webhook or organisation opens nowhere."""
    sealer = Sealer([NEW])
    sealed = sealer.seal(b"whsec_secret", b"place")
    assert sealer.open(sealed, b"place") == b"whsec_secret"
    assert b"whsec" not in sealed
    assert sealed != sealer.seal(b"whsec_secret", b"place")
    with pytest.raises(CannotOpen, match="another place"):
        sealer.open(sealed, b"elsewhere")


@pytest.mark.parametrize("at", [0, 3, 10, -1])
def test_a_changed_secret_does_not_open(at: int) -> None:
    """Whichever byte was changed."""
    sealed = bytearray(Sealer([NEW]).seal(b"secret", b""))
    sealed[at] ^= 1
    with pytest.raises(CannotOpen):
        Sealer([NEW]).open(bytes(sealed), b"")


def test_keys_rotate() -> None:
    """The first key seals; the others only open. Without its key, a secret does not open."""
    before = Sealer([OLD]).seal(b"secret", b"")
    both = Sealer([NEW, OLD])
    assert both.open(before, b"") == b"secret"
    assert Sealer([NEW]).open(both.seal(b"secret", b""), b"") == b"secret"
    with pytest.raises(CannotOpen, match="not among the settings"):
        Sealer([NEW]).open(before, b"")


@pytest.mark.parametrize("text", ["", "secret", "a" * 44, "QUFB" * 10 + "QQ==", "ä" * 43])
def test_a_key_is_32_bytes_in_base64(text: str) -> None:
    """Anything else is refused, with how to make one."""
    with pytest.raises(ValueError, match="openssl rand -base64 32"):
        key_of(text)
    assert key_of(base64.b64encode(NEW).decode()) == NEW
    assert key_of(base64.urlsafe_b64encode(NEW).decode().rstrip("=")) == NEW
