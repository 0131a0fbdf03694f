"""Settings: typed and described, from the environment (`DEALBOARD_…`) or the command line."""

import difflib
import os
import secrets
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, ValidationError, field_validator, model_validator
from pydantic_settings import NoDecode, SettingsConfigDict

from server.auth.origins import expect_origin
from server.background.settings import BackgroundSettings
from server.bounds import BoundSettings
from server.outgoing import OutgoingSettings, demo_key, kept_secret

PREFIX = "DEALBOARD_"
SHORTEST_SECRET = 32
"""Fewest bytes of a secret for HS256. Source: RFC 7518, section 3.2."""

NOT_SETTINGS = {"DEALBOARD_TEST_DATABASE_URL", "DEALBOARD_BENCH_DATABASE_URL"}
"""Variables with our prefix that only tests and benchmarks read."""


class WrongSettings(Exception):
    """Settings that cannot be used, in one line that says how to fix them."""


class Settings(BackgroundSettings, BoundSettings, OutgoingSettings):
    """Every setting of the server."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, env_ignore_empty=True, extra="forbid", frozen=True)

    demo: bool = Field(False, description="Demo mode: create a demo organisation, generate a secret and print a token.")
    demo_hosts: Annotated[tuple[str, ...], NoDecode] = Field(
        (),
        description="Hosts, separated by commas, at whose page demo mode shows its token, besides this machine's own;"
        " required to listen beyond loopback in demo mode. * allows every host.",
    )
    database_url: str | None = Field(None, description="URL of PostgreSQL 15 or later. Empty: the embedded PostgreSQL.")
    data_dir: Path = Field(Path(".data"), description="Folder of the embedded PostgreSQL and of the demo secret.")
    host: str = Field("127.0.0.1", description="Address to listen on.")
    port: int = Field(8000, ge=0, le=65535, description="Port to listen on. 0 picks a free one.")
    workers: int = Field(1, ge=1, le=64, description="Server processes on the same port.")
    pool_size: int = Field(10, ge=1, le=500, description="Maximum number of PostgreSQL connections per process.")
    statement_cache_size: int = Field(
        256, ge=0, description="Prepared statements per connection. Set 0 behind PgBouncer in transaction mode."
    )
    connection_lifetime: float = Field(
        3600.0,
        gt=0,
        description="Seconds after which a PostgreSQL connection is replaced, so that it returns its memory.",
    )
    plan_cache_mode: Literal["force_generic_plan", "auto"] = Field(
        "force_generic_plan",
        description="How PostgreSQL plans prepared statements of small organisations: once. Set auto with Citus.",
    )
    jwt_secret: str | None = Field(None, description="Secret that verifies tokens signed with HS256: 32 bytes or more.")
    jwks_url: str | None = Field(
        None, description="URL of the public keys (JWKS) that verify tokens signed with RS256 or ES256."
    )
    jwt_algorithms: Annotated[tuple[str, ...], NoDecode] = Field(
        ("HS256", "RS256", "ES256"), description="Accepted signature algorithms, separated by commas."
    )
    jwt_issuer: str | None = Field(None, description="Required `iss` claim of tokens. Empty: not checked.")
    jwt_audience: str | None = Field(None, description="Required `aud` claim of tokens. Empty: not checked.")
    claim_subject: str = Field("sub", description="Claim that identifies the member.")
    claim_organisation: str = Field("org_id", description="Claim with the key of the organisation, or a list of keys.")
    claim_role: str = Field("role", description="Claim with the role: viewer, rep, manager or admin.")
    claim_name: str = Field("name", description="Claim with the member's name.")
    claim_email: str = Field(
        "email",
        description="Claim with the member's e-mail address. By it a person who signs in first becomes the member that"
        " was imported, unless the token says `email_verified: false`.",
    )
    allowed_origins: Annotated[tuple[str, ...], NoDecode] = Field(
        (),
        description="Origins of browser apps that may call the API, separated by commas. https://*.example.com allows"
        " all hosts below, * every origin. Demo mode also allows this machine's, at any port.",
    )
    graphiql: bool = Field(True, description="Show GraphiQL to browsers at /graphql.")
    introspection: bool = Field(
        True, description="Answer `__schema` and `__type`, which GraphiQL and code generators read the schema with."
    )
    trusted_documents: Path | None = Field(
        None,
        description="JSON file of documents that clients run by their ids: the manifest of Relay, Apollo or GraphQL"
        " Code Generator. Each document is checked at the start.",
    )
    trusted_documents_only: bool = Field(
        False, description="Run no other documents than those of DEALBOARD_TRUSTED_DOCUMENTS."
    )
    shutdown_timeout: float = Field(
        10.0, gt=0, description="Seconds that running requests have to finish after a signal to stop."
    )
    events_url: str | None = Field(
        None,
        description="Carrier of wake-ups between processes: redis://…, over which they also share rate limits, or a"
        " direct postgresql://… where DEALBOARD_DATABASE_URL points to a connection pooler. Empty: the database.",
    )
    event_poll_seconds: float = Field(
        1.0,
        gt=0,
        description="Seconds after which events are delivered whose wake-up was lost; longer where a process"
        " follows more than 500 organisations.",
    )
    log_level: str = Field("info", description="Lowest level that is logged: debug, info, warning or error.")
    log_format: Literal["text", "json"] = Field(
        "text", description="Log format: text for people, or json for programs, which adds a line for each operation."
    )
    metrics: bool = Field(True, description="Serve metrics for Prometheus at /metrics.")
    metrics_token: str | None = Field(
        None, description="Bearer token that /metrics requires. Empty: /metrics answers only this machine itself."
    )
    otlp_endpoint: str | None = Field(
        None,
        description="URL that OpenTelemetry spans are sent to, such as http://127.0.0.1:4318/v1/traces.",
    )

    @field_validator("jwt_algorithms", "allowed_origins", "demo_hosts", mode="before")
    @classmethod
    def _listed(cls, value: Any) -> Any:
        return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value

    @field_validator("allowed_origins")
    @classmethod
    def _origins(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(expect_origin(origin) for origin in value)

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
            raise ValueError(f"must have at least {SHORTEST_SECRET} bytes; generate one with `openssl rand -base64 48`")
        return value or None

    @model_validator(mode="after")
    def _trusting(self) -> Self:
        if self.trusted_documents_only and self.trusted_documents is None:
            raise ValueError("set DEALBOARD_TRUSTED_DOCUMENTS to run only trusted documents")
        return self

    @model_validator(mode="after")
    def _verifiable(self) -> Self:
        if not (self.demo or self.jwt_secret or self.jwks_url):
            raise ValueError(
                "set DEALBOARD_JWT_SECRET or DEALBOARD_JWKS_URL, so that tokens can be verified, or pass --demo"
            )
        return self


def load_settings(**given: Any) -> Settings:
    """The settings from the environment, overridden by `given`. Raises `WrongSettings`.

    In demo mode, the secrets that are missing are generated and kept in the data folder.
    """
    _refuse_unknown()
    chosen = {name: value for name, value in given.items() if value is not None}
    try:
        settings = Settings(**chosen)
    except ValidationError as error:
        first = error.errors()[0]
        name = PREFIX + str(first["loc"][0]).upper() if first["loc"] else "Settings"
        raise WrongSettings(f"{name}: {first['msg'].removeprefix('Value error, ')}") from error
    if not settings.demo:
        return settings
    made: dict[str, Any] = {}
    if not (settings.jwt_secret or settings.jwks_url):
        made["jwt_secret"] = demo_secret(settings.data_dir)
    if not settings.secrets_key:
        made["secrets_key"] = (demo_key(settings.data_dir),)
    return settings.model_copy(update=made)


def demo_secret(folder: Path) -> str:
    """The secret of demo mode: generated once, and readable only by its owner."""
    return kept_secret(folder / "demo-secret", secrets.token_urlsafe(48))


def _refuse_unknown() -> None:
    known = {PREFIX + name.upper() for name in Settings.model_fields}
    for name in sorted(os.environ):
        if name.startswith(PREFIX) and name not in known | NOT_SETTINGS:
            near = difflib.get_close_matches(name, known, 1, 0)
            raise WrongSettings(f"{name} is not a setting. Did you mean {near[0]}? `dealboard serve --help` lists all.")
