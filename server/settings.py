"""Settings: typed, from the environment (`DEALBOARD_…`) or the command line, each explained."""

import difflib
import os
import secrets
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

PREFIX = "DEALBOARD_"
SHORTEST_SECRET = 32
"""Bytes that a secret for HS256 must have at least. Source: RFC 7518, section 3.2."""

NOT_SETTINGS = {"DEALBOARD_TEST_DATABASE_URL", "DEALBOARD_BENCH_DATABASE_URL"}
"""Variables with our prefix that only tests and benchmarks read."""


class WrongSettings(Exception):
    """Settings that cannot be used, in one line that says how to mend them."""


class Settings(BaseSettings):
    """Everything that can be set."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, extra="forbid", frozen=True)

    demo: bool = Field(False, description="Demo mode: a demo organisation, a generated secret and a printed token.")
    database_url: str | None = Field(
        None, description="PostgreSQL 15 or later; without it one is started from a wheel."
    )
    data_dir: Path = Field(Path(".data"), description="Folder of the embedded PostgreSQL and of the demo secret.")
    host: str = Field("127.0.0.1", description="Address to listen on.")
    port: int = Field(8000, ge=0, le=65535, description="Port to listen on; 0 chooses a free one.")
    workers: int = Field(1, ge=1, le=64, description="Processes that serve.")
    pool_size: int = Field(10, ge=1, le=500, description="Connections to PostgreSQL per process.")
    statement_cache_size: int = Field(
        256, ge=0, description="Prepared statements per connection; 0 behind PgBouncer in transaction mode."
    )
    jwt_secret: str | None = Field(None, description="Secret of tokens signed with HS256; 32 bytes or more.")
    jwks_url: str | None = Field(None, description="Where the public keys of tokens signed with RS256 or ES256 are.")
    jwt_algorithms: Annotated[tuple[str, ...], NoDecode] = Field(
        ("HS256", "RS256", "ES256"), description="Signature algorithms that are accepted, separated by commas."
    )
    jwt_issuer: str | None = Field(None, description="The `iss` that tokens must have; not checked when empty.")
    jwt_audience: str | None = Field(None, description="The `aud` that tokens must have; not checked when empty.")
    claim_subject: str = Field("sub", description="The claim that names the person.")
    claim_organisation: str = Field("org_id", description="The claim that names the organisation, or a list of them.")
    claim_role: str = Field("role", description="The claim that names the role: viewer, rep, manager or admin.")
    claim_name: str = Field("name", description="The claim with the person's name.")
    claim_email: str = Field("email", description="The claim with the person's e-mail address.")
    allowed_origins: Annotated[tuple[str, ...], NoDecode] = Field(
        (), description="Origins of browser apps that may call, separated by commas; * for all."
    )
    max_body_bytes: int = Field(1_000_000, ge=1_000, description="Largest request body.")
    max_depth: int = Field(15, ge=1, le=30, description="Deepest nesting of a query.")
    max_aliases: int = Field(100, ge=0, description="Most aliases in a query, fragments written out.")
    max_fields: int = Field(1_000, ge=1, description="Most fields in a query, fragments written out.")
    max_root_fields: int = Field(20, ge=1, description="Most root fields in an operation.")
    max_tokens: int = Field(1_200, ge=10, description="Most lexical tokens in a query.")
    max_cost: int = Field(50_000, ge=1, description="Most rows that a query may be estimated to read.")
    socket_init_timeout: float = Field(5.0, gt=0, description="Seconds in which a WebSocket must authenticate.")
    socket_ping_interval: float = Field(20.0, gt=0, description="Seconds between pings of a WebSocket.")
    send_timeout: float = Field(
        10.0, gt=0, description="Seconds in which a client must read what waits for it; then it is disconnected."
    )
    max_subscriptions_per_socket: int = Field(100, ge=1, description="Most operations at once on a WebSocket.")
    max_connections_per_member: int = Field(
        100, ge=1, description="Most sockets and streams at once of one member, per process."
    )
    max_messages_per_second: int = Field(200, ge=1, description="Most messages in a second on a WebSocket.")
    shutdown_timeout: float = Field(
        10.0, gt=0, description="Seconds in which the server ends after a signal to stop; requests finish meanwhile."
    )
    events_url: str | None = Field(
        None,
        description="What carries wake-ups between processes: redis://…, or a direct postgresql://… when database_url"
        " leads to a pooler. Without it, the database.",
    )
    event_poll_seconds: float = Field(1.0, gt=0, description="Seconds after which a lost wake-up is made good.")
    event_retention_days: int = Field(
        90,
        ge=0,
        description="Days that a subscription can go back with `after`; 0: for ever.",
    )
    keep_change_log: bool = Field(
        True,
        description="Keep for ever what was changed and by whom; otherwise only the timelines of existing leads are"
        " kept for longer than a subscription can go back.",
    )
    overdue_interval: float = Field(
        15.0, ge=0, description="Seconds between two looks for tasks that have become overdue; 0: another server looks."
    )
    log_level: str = Field("info", description="How much is logged: debug, info, warning or error.")
    log_format: Literal["text", "json"] = Field(
        "text", description="How it is logged: text for people, or json, which also has a line for each operation."
    )
    metrics: bool = Field(True, description="Answer at /metrics, in Prometheus' form.")
    metrics_token: str | None = Field(
        None, description="The bearer token that /metrics asks for; without it, anybody may look."
    )
    otlp_endpoint: str | None = Field(
        None,
        description="Where a span of each operation is sent by OpenTelemetry, such as http://127.0.0.1:4318/v1/traces.",
    )

    @field_validator("jwt_algorithms", "allowed_origins", mode="before")
    @classmethod
    def _listed(cls, value: Any) -> Any:
        return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value

    @field_validator("database_url")
    @classmethod
    def _postgres(cls, value: str | None) -> str | None:
        if value and urlsplit(value).scheme not in ("postgresql", "postgres"):
            raise ValueError("must look like postgresql://user:password@host:5432/name")
        return value or None

    @field_validator("events_url")
    @classmethod
    def _carrier(cls, value: str | None) -> str | None:
        if value and urlsplit(value).scheme not in ("postgresql", "postgres", "redis", "rediss"):
            raise ValueError("must look like redis://host:6379 or postgresql://user:password@host:5432/name")
        return value or None

    @field_validator("otlp_endpoint")
    @classmethod
    def _collector(cls, value: str | None) -> str | None:
        if value and urlsplit(value).scheme not in ("http", "https"):
            raise ValueError("must look like http://127.0.0.1:4318/v1/traces")
        return value or None

    @field_validator("log_level")
    @classmethod
    def _level(cls, value: str) -> str:
        if value.lower() not in ("debug", "info", "warning", "error"):
            raise ValueError("must be debug, info, warning or error")
        return value.lower()

    @field_validator("jwt_secret")
    @classmethod
    def _long_enough(cls, value: str | None) -> str | None:
        if value and len(value.encode()) < SHORTEST_SECRET:
            raise ValueError(f"must have at least {SHORTEST_SECRET} bytes; make one with `openssl rand -base64 48`")
        return value or None

    @model_validator(mode="after")
    def _verifiable(self) -> Self:
        if not (self.demo or self.jwt_secret or self.jwks_url):
            raise ValueError(
                "set DEALBOARD_JWT_SECRET or DEALBOARD_JWKS_URL, so that tokens can be verified; to try it: --demo"
            )
        return self


def load_settings(**given: Any) -> Settings:
    """The settings from the environment, overridden by what is given. Raises `WrongSettings`.

    In demo mode without a secret, one is made and kept in the data folder.
    """
    _refuse_unknown()
    chosen = {name: value for name, value in given.items() if value is not None}
    try:
        settings = Settings(**chosen)
    except ValidationError as error:
        first = error.errors()[0]
        name = PREFIX + str(first["loc"][0]).upper() if first["loc"] else "Settings"
        raise WrongSettings(f"{name}: {first['msg'].removeprefix('Value error, ')}") from error
    if settings.demo and not (settings.jwt_secret or settings.jwks_url):
        return settings.model_copy(update={"jwt_secret": demo_secret(settings.data_dir)})
    return settings


def demo_secret(folder: Path) -> str:
    """The secret of demo mode, made once and readable by its owner only."""
    path = folder / "demo-secret"
    folder.mkdir(parents=True, exist_ok=True)
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return path.read_text().strip()
    with os.fdopen(descriptor, "w") as file:
        secret = secrets.token_urlsafe(48)
        file.write(secret)
    return secret


def _refuse_unknown() -> None:
    known = {PREFIX + name.upper() for name in Settings.model_fields}
    for name in sorted(os.environ):
        if name.startswith(PREFIX) and name not in known | NOT_SETTINGS:
            near = difflib.get_close_matches(name, known, 1, 0)
            raise WrongSettings(f"{name} is not a setting. Did you mean {near[0]}? `dealboard serve --help` lists all.")
