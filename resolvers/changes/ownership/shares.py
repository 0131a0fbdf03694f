"""The pools and members whom routing rules name, held while leads are given out, and how far they have come."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from uuid import UUID

from sqlalchemy import text

from engine.change.records import IDS
from engine.change.transaction import Change
from engine.read.rows import ORG
from models.database import Row, Statement
from models.rules.sharing import Load, Place, PoolStrategy, Sharing

LOCK_POOLS = Statement(
    text(
        """
        SELECT id, strategy, turn FROM pool
        WHERE org_id = :org_id AND id = ANY(:ids) ORDER BY id FOR NO KEY UPDATE
        """
    ).bindparams(ORG, IDS)
)

PLACES = Statement(
    text(
        """
        SELECT pool_id, member_id, given, credit, latest FROM pool_member
        WHERE org_id = :org_id AND pool_id = ANY(:ids) ORDER BY pool_id, position
        """
    ).bindparams(ORG, IDS)
)

LOCK_MEMBERS = Statement(
    text(
        """
        SELECT id, active, capacity, daily_cap, CAST(clock_timestamp() AT TIME ZONE time_zone AS date) AS day
        FROM member WHERE org_id = :org_id AND id = ANY(:ids) ORDER BY id FOR NO KEY UPDATE
        """
    ).bindparams(ORG, IDS)
)
"""Members, each with the day that it is there, against being given leads by another routing at the same time."""

GIVEN_TODAY = Statement(
    text(
        """
        SELECT routing_day.member_id, routing_day.leads
        FROM unnest(:ids, CAST(:days AS date[])) AS today (member_id, day)
        JOIN routing_day ON routing_day.org_id = :org_id AND routing_day.member_id = today.member_id
            AND routing_day.day = today.day
        """
    ).bindparams(ORG, IDS)
)

OPEN_LEADS = Statement(
    text(
        """
        SELECT owner_id, count(*) AS leads FROM lead
        WHERE org_id = :org_id AND owner_id = ANY(:ids) AND closed_at IS NULL GROUP BY owner_id
        """
    ).bindparams(ORG, IDS)
)

REMEMBER_TURNS = Statement(
    text(
        """
        UPDATE pool SET turn = now.turn
        FROM unnest(:ids, CAST(:turns AS int[])) AS now (id, turn)
        WHERE pool.org_id = :org_id AND pool.id = now.id
        """
    ).bindparams(ORG, IDS)
)

REMEMBER_PLACES = Statement(
    text(
        """
        UPDATE pool_member SET given = now.given, credit = now.credit, latest = now.latest
        FROM unnest(
            :ids, CAST(:members AS uuid[]), CAST(:given AS int[]), CAST(:credits AS bigint[]), CAST(:latest AS bigint[])
        ) AS now (pool_id, member_id, given, credit, latest)
        WHERE pool_member.org_id = :org_id AND pool_member.pool_id = now.pool_id
            AND pool_member.member_id = now.member_id
        """
    ).bindparams(ORG, IDS)
)

REMEMBER_DAYS = Statement(
    text(
        """
        INSERT INTO routing_day (org_id, member_id, day, leads)
        SELECT CAST(:org_id AS uuid), given.member_id, given.day, given.leads
        FROM unnest(:ids, CAST(:days AS date[]), CAST(:leads AS int[])) AS given (member_id, day, leads)
        ON CONFLICT (org_id, member_id, day) DO UPDATE SET leads = routing_day.leads + excluded.leads
        """
    ).bindparams(ORG, IDS)
)


@dataclass(frozen=True)
class Shared:
    """Held pools and members, by id, and the day that it is for each member."""

    pools: Mapping[UUID, Sharing]
    loads: Mapping[UUID, Load]
    days: Mapping[UUID, date]

    async def remember(self, change: Change, owners: Sequence[UUID]) -> None:
        """Keep how far the pools have come, and count what each of these owners was given today."""
        if self.pools:
            await change.run(REMEMBER_TURNS, ids=list(self.pools), turns=[pool.turn for pool in self.pools.values()])
            places = [(id, place) for id, pool in self.pools.items() for place in pool.places]
            await change.run(
                REMEMBER_PLACES,
                ids=[id for id, _ in places],
                members=[place.load.id for _, place in places],
                given=[place.given for _, place in places],
                credits=[place.credit for _, place in places],
                latest=[place.latest for _, place in places],
            )
        counts = Counter(owners)
        ids = sorted(counts)
        await change.run(REMEMBER_DAYS, ids=ids, days=[self.days[id] for id in ids], leads=[counts[id] for id in ids])


async def lock_pools(change: Change, rules: Sequence[Row]) -> Shared:
    """Hold the pools that these rules name, and every member who may be given a lead by them."""
    pool_ids = sorted({rule["pool_id"] for rule in rules} - {None})
    pools = await change.all(LOCK_POOLS, ids=pool_ids) if pool_ids else []
    places = await change.all(PLACES, ids=pool_ids) if pool_ids else []
    named = {rule["member_id"] for rule in rules} - {None}
    members = await change.all(LOCK_MEMBERS, ids=sorted(named | {place["member_id"] for place in places}))
    days: dict[UUID, date] = {row["id"]: row["day"] for row in members}
    loads = await _loads(change, members, days, any(pool["strategy"] == PoolStrategy.FEWEST_OPEN for pool in pools))
    sharing = {
        pool["id"]: Sharing(
            pool["strategy"],
            [
                Place(loads[row["member_id"]], row["given"], row["credit"], row["latest"])
                for row in places
                if row["pool_id"] == pool["id"]
            ],
            pool["turn"],
        )
        for pool in pools
    }
    return Shared(sharing, loads, days)


async def _loads(
    change: Change, members: Sequence[Row], days: Mapping[UUID, date], count_open: bool
) -> dict[UUID, Load]:
    """What each member can be given today, and has to do already."""
    ids = list(days)
    today = {row["member_id"]: row["leads"] for row in await change.all(GIVEN_TODAY, ids=ids, days=list(days.values()))}
    counted = await change.all(OPEN_LEADS, ids=ids) if count_open else []
    open_leads = {row["owner_id"]: row["leads"] for row in counted}
    return {
        row["id"]: Load(
            row["id"],
            row["active"],
            row["capacity"],
            None if row["daily_cap"] is None else max(row["daily_cap"] - today.get(row["id"], 0), 0),
            open_leads.get(row["id"], 0),
        )
        for row in members
    }
