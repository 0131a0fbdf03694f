"""Settings of what is sent to other servers: where it may go, and the keys of sealed secrets."""

import os
import secrets
from base64 import b64encode
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, field_validator
from pydantic_settings import BaseSettings, NoDecode

from engine.outgoing.addresses import Network
from engine.outgoing.sealed import KEY_BYTES, Sealer, key_of
from engine.outgoing.target import PORTS, Guard


class OutgoingSettings(BaseSettings):
    """The settings of what is sent to other servers."""

    secrets_key: Annotated[tuple[str, ...], NoDecode] = Field(
        (),
        description="Key that seals secrets of webhooks in the database: 32 bytes in base64. To change it, put the new"
        " one before the old, separated by a comma. Without it, no webhook can be created.",
    )
    webhook_interval: float = Field(
        1.0,
        ge=0,
        description="Seconds between looks for webhooks with something to send, besides wake-ups. 0: another server or"
        " `dealboard work` sends.",
    )
    outgoing_timeout: float = Field(
        15.0, gt=0, le=30, description="Seconds for a request to a webhook, from the look-up of its name to its answer."
    )
    outgoing_ports: Annotated[tuple[int, ...], NoDecode] = Field(
        tuple(sorted(PORTS)), description="Ports that webhooks may have, separated by commas."
    )
    outgoing_plain_http: bool = Field(
        False, description="Allow webhooks with http:// URLs, on port 80 and those of DEALBOARD_OUTGOING_PORTS."
    )
    outgoing_networks: Annotated[tuple[Network, ...], NoDecode] = Field(
        (),
        description="Networks that webhooks may be in although they are not of the public internet, separated by"
        " commas: 10.1.0.0/16. Addresses of clouds' metadata services are never allowed.",
    )

    @field_validator("secrets_key", mode="before")
    @classmethod
    def _keys(cls, value: Any) -> Any:
        keys = _listed(value)
        for key in keys:
            key_of(key)
        return keys

    @field_validator("outgoing_ports", "outgoing_networks", mode="before")
    @classmethod
    def _lists(cls, value: Any) -> Any:
        return _listed(value)

    @field_validator("outgoing_networks", mode="before")
    @classmethod
    def _networks(cls, value: Any) -> Any:
        return tuple(ip_network(part) for part in _listed(value))

    @property
    def guard(self) -> Guard:
        """Where requests may be sent to."""
        return Guard(self.outgoing_plain_http, frozenset(self.outgoing_ports), self.outgoing_networks)

    @property
    def sealer(self) -> Sealer | None:
        """What seals secrets; None without a key."""
        return Sealer([key_of(key) for key in self.secrets_key]) if self.secrets_key else None


def _listed(value: Any) -> Any:
    return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value


def kept_secret(path: Path, made: str) -> str:
    """The secret in a file, which is written the first time, readable only by its owner."""
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return path.read_text().strip()
    with os.fdopen(descriptor, "w") as file:
        file.write(made)
    return made


def demo_key(folder: Path) -> str:
    """The key of sealed secrets in demo mode."""
    return kept_secret(folder / "demo-secrets-key", b64encode(secrets.token_bytes(KEY_BYTES)).decode())
