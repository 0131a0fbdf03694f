"""The queries of a large organisation are planned for their values, those of all others once for all."""

import asyncio
from collections.abc import Awaitable, Callable

from engine.bounds.sizes import Sizes
from engine.caller import Caller
from engine.engine import Engine
from engine.explain import explain
from models.database import Database
from models.rules.ids import parse_id
from models.rules.roles import Role
from models.tables.base import organisation_id
from resolvers.reads.stage_totals import LARGE
from tests.support.sql.statements import recorded
from tests.support.world import World

SET_CUSTOM = "SET plan_cache_mode = force_custom_plan"
SET_GENERIC = "SET plan_cache_mode = force_generic_plan"


async def looked(sizes: Sizes) -> None:
    """Wait until no size is being looked at."""
    while sizes.looking:
        await asyncio.gather(*sizes.looking.values())


def asker(engine: Engine, organisation: str) -> Callable[[], Awaitable[object]]:
    """Asks the same query as a viewer of an organisation."""
    prepared = engine.documents.prepare("{ leads(filter: {closed: false}) { totalCount } }")
    return lambda: engine.execute(prepared, None, Caller(organisation, "ann", Role.VIEWER))


async def test_only_a_large_organisation_has_custom_plans(world: World, engine: Engine, database: Database) -> None:
    """From the request after the first one, and a connection goes back to plans for all values."""
    stage_id = parse_id("stage", world["New"])
    org_id = organisation_id(world.organisation)
    await world.sql("UPDATE stage_total SET leads = $1 WHERE stage_id = $2 AND currency = ''", LARGE, stage_id)
    ask, ask_elsewhere = asker(engine, world.organisation), asker(engine, "elsewhere")
    await ask()
    await looked(engine.sizes)
    assert engine.sizes.is_large(org_id)
    async with recorded(database) as ran:
        await ask()
        await ask_elsewhere()
        await looked(engine.sizes)
    modes = [query.query for query in ran if query.query.startswith("SET plan")]
    assert modes[0] == SET_CUSTOM
    assert modes[-1] == SET_GENERIC
    assert not engine.sizes.is_large(organisation_id("elsewhere"))


async def test_one_lead_less_is_not_large(world: World, engine: Engine) -> None:
    """All leads of an organisation count, in all of its stages together."""
    org_id = organisation_id(world.organisation)
    await world.sql("UPDATE stage_total SET leads = 0 WHERE org_id = $1", org_id)
    await world.sql(
        "UPDATE stage_total SET leads = $1 WHERE (stage_id, currency) = "
        "(SELECT stage_id, currency FROM stage_total WHERE org_id = $2 LIMIT 1)",
        LARGE - 1,
        org_id,
    )
    assert not engine.sizes.is_large(org_id)
    await looked(engine.sizes)
    assert not engine.sizes.is_large(org_id)


async def test_a_plan_is_explained_as_it_is_served(world: World, database: Database) -> None:
    """The plan for all values shows parameters; the one for these values shows the values."""
    sql = "SELECT id FROM lead WHERE org_id = $1::uuid AND title = ANY($2::text[])"
    arguments = [organisation_id(world.organisation), ["O'Neill", "a\\b", "Ada"]]
    generic = await explain(database, sql, arguments, custom=False)
    assert "$1" in generic
    assert "Neill" not in generic
    custom = await explain(database, sql, arguments, custom=True)
    assert "$1" not in custom
    assert "Neill" in custom
    assert "actual" in custom
