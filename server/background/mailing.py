"""Sending mail about notifications over the SMTP server of the settings."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from models.database import Database
from resolvers.reactions.mail.lane import MailWatch
from resolvers.reactions.mail.sending import sending_mail
from server.background.mail_settings import MailSettings


@asynccontextmanager
async def mailing(settings: MailSettings, database: Database, watch: MailWatch | None = None) -> AsyncIterator[None]:
    """Send mail in the background, if there is a server for it and the settings leave it to no other process."""
    if settings.mail is None or settings.mail_interval == 0:
        yield
        return
    server, sender = settings.mail
    async with sending_mail(database, server, sender, settings.mail_interval, settings.mail_connections, watch):
        yield
