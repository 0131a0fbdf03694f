"""What runs beside requests: pruning, what time brings, runs, consumers of the event log and its relay, and mail.

Each serving process does all of it, unless its settings leave it to others; `dealboard work` does nothing else.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from engine.background.behind import Report, unreported
from engine.background.dispatcher import dispatching
from engine.background.leased.hands import Observed, unobserved
from engine.background.leased.takers import Late, taking, unlate
from engine.background.passing_time import recording
from engine.background.runner import Counted, uncounted, working
from engine.domain import Domain
from engine.live.feed import Feed
from engine.live.retention import pruning
from engine.live.wakeups import Wakeups
from engine.live.wakeups_postgres import PostgresWakeups
from engine.live.wakeups_redis import RedisWakeups
from models.database import Database
from resolvers.reactions.mail.lane import MailWatch
from server.background.mailing import mailing
from server.background.relaying import relaying
from server.background.settings import BackgroundSettings
from server.background.together import together


def make_wakeups(url: str) -> Wakeups:
    """Wake-ups between processes, over the PostgreSQL or the Redis at `url`."""
    return RedisWakeups(url) if url.startswith("redis") else PostgresWakeups(url)


@asynccontextmanager
async def beside_requests(
    settings: BackgroundSettings,
    database: Database,
    feed: Feed,
    report: Report = unreported,
    counted: Counted = uncounted,
    leased: tuple[Observed, Late] = (unobserved, unlate),
    watch: MailWatch | None = None,
) -> AsyncIterator[None]:
    """Do all this in the background. `report` takes how far consumers are behind, after each look; `counted`, how many
    runs there are; `leased`, each attempt at work that has ended, and what is due; `watch` sees what becomes of each
    mail."""
    domain: Domain = feed.domain
    async with together(
        pruning(
            database,
            settings.event_retention_days,
            domain.prune[settings.keep_change_log],
            settings.idempotency_retention_hours,
            settings.consumer_retention_days,
            settings.run_retention_days,
        ),
        recording(database, settings.overdue_interval, feed.wake, domain.by_time),
        working(database, domain, settings.run_interval, feed.wake, counted),
        taking(database, domain.kinds, feed, settings.run_interval, *leased),
        dispatching(database, domain.consumers, feed, settings.consumer_interval, report),
        relaying(settings, database, feed, report),
        mailing(settings, database, watch),
    ):
        yield
