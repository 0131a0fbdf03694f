"""The settings of mail: the operator's SMTP server, whom mail is from, and where its links lead."""

from email.utils import parseaddr
from typing import Self
from urllib.parse import urlsplit

from pydantic import Field, field_validator, model_validator
from pydantic_settings import BaseSettings

from engine.outgoing.mail import ADDRESS, MailServer, mail_server
from resolvers.reactions.mail.composing import MailSender

NAME = "Dealboard"
"""Whom mail is from where the setting is an address alone."""


class MailSettings(BaseSettings):
    """Those settings, a part of all settings."""

    smtp_url: str | None = Field(
        None,
        description="SMTP server that mail about notifications is sent over: smtp://user:password@host:587, with TLS as"
        " soon as the server offers it, or smtps://user:password@host:465. Empty: no mail is sent. Set it"
        " in serving processes as well: the API says whether mail is sent.",
    )
    mail_from: str | None = Field(
        None, description="Whom mail is from, `Dealboard <crm@example.com>`. Required with DEALBOARD_SMTP_URL."
    )
    public_url: str | None = Field(
        None,
        description="URL of your app, which links in mail lead to: /leads/…, /tasks/… and /settings/notifications below"
        " it. Required with DEALBOARD_SMTP_URL.",
    )
    mail_interval: float = Field(
        5.0, ge=0, description="Seconds between looks for mail that is due. 0: another server sends it."
    )
    mail_connections: int = Field(
        4, ge=1, le=50, description="Maximum number of connections to the SMTP server, per process."
    )

    @field_validator("smtp_url")
    @classmethod
    def _server(cls, value: str | None) -> str | None:
        if value:
            mail_server(value)
        return value or None

    @field_validator("mail_from")
    @classmethod
    def _from(cls, value: str | None) -> str | None:
        if value and not (value.isprintable() and ADDRESS.fullmatch(parseaddr(value)[1])):
            raise ValueError("must look like crm@example.com or Dealboard <crm@example.com>")
        return value or None

    @field_validator("public_url")
    @classmethod
    def _app(cls, value: str | None) -> str | None:
        if not value:
            return None
        parts = urlsplit(value)
        plain = all("!" <= one <= "~" and one not in '<>"?#' for one in value)
        if parts.scheme not in ("http", "https") or not parts.hostname or not plain:
            raise ValueError("must look like https://app.example.com")
        return value.rstrip("/")

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if self.smtp_url and not (self.mail_from and self.public_url):
            raise ValueError("set DEALBOARD_MAIL_FROM and DEALBOARD_PUBLIC_URL, which mail needs, too")
        return self

    @property
    def mail(self) -> tuple[MailServer, MailSender] | None:
        """The server, and whom mail is from; None where no mail is sent."""
        if self.smtp_url is None or self.mail_from is None or self.public_url is None:
            return None
        name, address = parseaddr(self.mail_from)
        return mail_server(self.smtp_url), MailSender(name or NAME, address, self.public_url)
