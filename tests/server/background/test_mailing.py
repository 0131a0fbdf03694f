"""Mail is sent where the settings say so, and the API says whether it is."""

import asyncio

import orjson

from engine.caller import Caller
from models import Role
from models.database import Database
from server.app import start_engine
from server.background.mailing import mailing
from server.observe.metrics import Metrics
from tests.support.servers.stand_in import settings

SETTINGS = {"smtp_url": "smtp://127.0.0.1:1", "mail_from": "crm@acme.test", "public_url": "https://app.test"}


async def test_without_a_server_nothing_is_attempted(database: Database) -> None:
    """Nor where another server sends; else a look and the connections run in the background until the end."""
    before = len(asyncio.all_tasks())
    for given, running in (({}, 0), ({**SETTINGS, "mail_interval": 0}, 0), ({**SETTINGS, "mail_connections": 3}, 4)):
        async with mailing(settings(**given), database):
            assert len(asyncio.all_tasks()) == before + running
        assert len(asyncio.all_tasks()) == before


async def test_the_api_says_whether_mail_is_sent(database: Database) -> None:
    """By the settings of the process that answers."""
    query, caller = "{ viewer { mailSettings { sent } } }", Caller("acme", "rita", Role.REP)
    for given, sent in (({}, False), ({**SETTINGS, "mail_interval": 0}, True)):
        async with start_engine(settings(overdue_interval=0, **given), database, Metrics()) as engine:
            answer = await engine.execute(engine.documents.prepare(query), {}, caller)
        assert orjson.loads(answer.body) == {"data": {"viewer": {"mailSettings": {"sent": sent}}}}
