"""The settings of what runs beside requests: how long things are kept, and how often a process looks for work."""

from urllib.parse import urlsplit

from pydantic import Field, field_validator

from server.background.mail_settings import MailSettings


class BackgroundSettings(MailSettings):
    """Those settings, a part of all settings."""

    event_retention_days: int = Field(
        90,
        ge=0,
        description="Days of events that a subscription can replay with `after`. 0: all of them.",
    )
    keep_change_log: bool = Field(
        True,
        description="Keep the change log forever. Otherwise, only the timelines of existing leads are kept beyond"
        " DEALBOARD_EVENT_RETENTION_DAYS.",
    )
    idempotency_retention_hours: float = Field(
        72.0,
        ge=1,
        description="Hours in which a change that is sent again with its idempotency key is not done twice, for the"
        " newest 100,000 of an organisation.",
    )
    run_retention_days: int = Field(30, ge=0, description="Days after which a run that has ended is deleted. 0: never.")
    overdue_interval: float = Field(
        15.0,
        ge=0,
        description="Seconds between checks for overdue tasks, reminders, stale leads and scores. 0: another server"
        " checks.",
    )
    run_interval: float = Field(
        1.0,
        ge=0,
        description="Seconds between looks for runs to work on: changes of many records, and work that is due. 0:"
        " another server works on them.",
    )
    consumer_interval: float = Field(
        1.0,
        ge=0,
        description="Seconds between looks for events whose consequences, such as notifications, are still to be made;"
        " wake-ups come before. 0: another server or `dealboard work` makes them.",
    )
    consumer_retention_days: int = Field(
        30,
        ge=0,
        description="Days beyond DEALBOARD_EVENT_RETENTION_DAYS for which events are kept that a consumer has not read."
        " Then the consumer stands still until an operator lets it go on: `dealboard consumers`.",
    )
    work_port: int | None = Field(
        None,
        ge=0,
        le=65535,
        description="Port of DEALBOARD_HOST on which `dealboard work` answers /livez, /readyz and /metrics. 0 picks"
        " a free one. Empty: none.",
    )
    relay_url: str | None = Field(
        None,
        description="NATS servers with JetStream, separated by commas, to which every event is published:"
        " nats://user:password@host:4222. Empty: none.",
    )

    @field_validator("relay_url")
    @classmethod
    def _brokers(cls, value: str | None) -> str | None:
        servers = [urlsplit(server.strip()) for server in (value or "").split(",") if server.strip()]
        if any(server.scheme not in ("nats", "tls") or not server.hostname for server in servers):
            raise ValueError("must look like nats://host:4222 or tls://user:password@host:4222")
        return ",".join(server.geturl() for server in servers) or None
