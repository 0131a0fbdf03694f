"""The statement that scores leads: it is made from the rules of a pipeline, and writes only what differs.

raw      the points that each rule gives to each lead
limited  the points of each group, within its limits
scored   the sum, within the limits of a score; whether the score is pinned; and the band
changed  the leads whose stored score is another one

Neither the version of a lead nor when it was updated changes with its score, and no event of the lead is written.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import orjson
from sqlalchemy import (
    ARRAY,
    Date,
    Integer,
    Numeric,
    Text,
    Uuid,
    and_,
    bindparam,
    case,
    cast,
    func,
    literal_column,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import array, insert

from engine.change.records import IDS, expect_columns
from engine.read.json_text import Expression, among
from engine.read.rows import ORG, rows
from models.database import Statement
from models.tables.activity import Activity
from models.tables.lead import Lead
from models.tables.scoring.scores import LeadScore
from resolvers.changes.scoring.limits import HIGHEST, LOWEST
from resolvers.changes.scoring.points import Rule
from resolvers.conditions.sql import compiled
from resolvers.conditions.stored import stored
from resolvers.reads.periods.calendar import own_calendar

DIGITS = "6"
"""Digits after the point that an activity counts with, once it counts less than a whole one. Rounded before they are
added, so that the order in which they are read makes no difference."""

PIPELINE_ID = bindparam("pipeline_id", type_=Uuid())

KEPT = ("org_id", "lead_id", "pipeline_id", "model_version", "total", "score", "parts", "band", "pinned", "scored_at")

expect_columns(LeadScore, KEPT)


@dataclass(frozen=True)
class Scoring:
    """The statement that scores leads by a version of the rules, and the values bound in it besides the leads."""

    statement: Statement
    values: Mapping[str, Any]


@lru_cache(maxsize=200)
def scoring(groups: str, bands: str) -> Scoring:
    """The statement for rules, as their JSON. It takes the `ids` of open leads of the pipeline, which must be locked,
    `pipeline_id` and `version`. It returns the lead, what its score was and is, when its band was last decided what the
    score and the band were, and the band now, for each lead that it writes."""
    values: dict[str, Any] = {}

    def register(get: Any, _use: object = None) -> str:
        name = f"c{len(values)}"
        values[name] = get({})
        return name

    statement = Statement(_Built(orjson.loads(groups), orjson.loads(bands), register).construct())
    _ = statement.sql  # compiled here, in the thread that this runs in
    return Scoring(statement, values)


class _Built:
    """Builds the statement, part by part."""

    def __init__(self, groups: Sequence[Rule], bands: Sequence[Rule], register: Any) -> None:
        self.groups = groups
        self.bands = bands
        self.register = register

    def construct(self) -> Any:
        changed = self._changed()
        written = (
            update(Lead.__table__)  # type: ignore[arg-type]
            .where(Lead.org_id == ORG, Lead.id == changed.c.lead_id, changed.c.score.is_distinct_from(changed.c.given))
            .values(score=changed.c.score)
            .returning(Lead.id)
            .cte("written")
        )
        into = insert(LeadScore.__table__)  # type: ignore[arg-type]
        values: list[Any] = [ORG, *(changed.c[name] for name in KEPT[1:-1]), func.statement_timestamp()]
        kept = into.from_select(KEPT, select(*values).select_from(changed))
        kept = kept.on_conflict_do_update(
            index_elements=["org_id", "lead_id"], set_={name: kept.excluded[name] for name in KEPT[2:]}
        )
        shown = (
            changed.c.lead_id,
            changed.c.given,
            changed.c.score,
            changed.c.old_score,
            changed.c.was,
            changed.c.band,
        )
        return select(*shown).add_cte(written, kept.returning(LeadScore.lead_id).cte("kept"))

    def _changed(self) -> Any:
        scored = self._scored()
        held = rows(LeadScore)
        names = ("lead_id", "pinned", "band", "score", "model_version", "pipeline_id", "parts")
        before = held.select(*(getattr(held.entity, name) for name in names)).subquery("held")
        pinned = func.coalesce(before.c.pinned, scored.c.given.is_not(None))
        shown = case((pinned, scored.c.given), else_=scored.c.total)
        judged = (
            select(
                scored.c.lead_id,
                scored.c.given,
                scored.c.total,
                scored.c.parts,
                pinned.label("pinned"),
                shown.label("score"),
                before.c.band.label("was"),
                self._band(shown, before.c.band).label("band"),
                before.c.model_version.label("old_version"),
                before.c.pipeline_id.label("old_pipeline"),
                before.c.parts.label("old_parts"),
                before.c.pinned.label("old_pinned"),
                before.c.score.label("old_score"),
            )
            .select_from(scored.outerjoin(before, before.c.lead_id == scored.c.lead_id))
            .cte("judged")
        )
        pipeline_id, version = (
            bindparam("pipeline_id", type_=Lead.pipeline_id.type),
            bindparam("version", type_=Integer()),
        )
        differs = func.row(
            judged.c.old_pipeline, judged.c.old_version, judged.c.old_parts, judged.c.old_pinned, judged.c.was,
            judged.c.given, judged.c.old_score,
        ).is_distinct_from(
            func.row(
                pipeline_id, version, judged.c.parts, judged.c.pinned, judged.c.band, judged.c.score, judged.c.score
            )
        )  # fmt: skip
        shown_columns = (judged, pipeline_id.label("pipeline_id"), version.label("model_version"))
        return select(*shown_columns).where(differs).cte("changed")

    def _scored(self) -> Any:
        raw = self._raw()
        names = [[f"r{nth}_{at}" for at, _ in enumerate(group["rules"])] for nth, group in enumerate(self.groups)]
        sums = [_sum(points) for points in names]
        groups = [
            literal_column(f"greatest({group['min']}, least({group['max']}, {sums[nth]}))", Integer()).label(f"g{nth}")
            for nth, group in enumerate(self.groups)
        ]
        limited = select(raw, *groups).cte("limited")
        total = _sum(f"g{nth}" for nth, _ in enumerate(self.groups))
        parts: list[Expression] = [
            literal_column(part, Integer())
            for nth, points in enumerate(names)
            for part in (*points, f"g{nth} - ({sums[nth]})")
        ]
        clamped = f"greatest({LOWEST}, least({HIGHEST}, {total}))"
        parts.append(literal_column(f"{clamped} - ({total})", Integer()))
        return select(
            limited.c.lead_id,
            limited.c.given,
            literal_column(clamped, Integer()).label("total"),
            array(parts).label("parts"),
        ).cte("scored")

    def _raw(self) -> Any:
        found = rows(Lead)
        lead = found.entity
        points = [
            self._points(rule, lead).label(f"r{nth}_{at}")
            for nth, group in enumerate(self.groups)
            for at, rule in enumerate(group["rules"])
        ]
        open_ones = found.where(
            lead.id == func.any(IDS),
            lead.pipeline_id == PIPELINE_ID,
            lead.closed_at.is_(None),
        )
        chosen = open_ones.select(lead.id.label("lead_id"), lead.score.label("given"), *points)
        return chosen.cte("raw").prefix_with("MATERIALIZED")

    def _points(self, rule: Rule, lead: Any) -> Expression:
        points: Expression = literal_column(str(rule["points"]), Integer())
        if rule["activities"] is not None:
            points = _active(rule["points"], rule["activities"], lead)
        if rule["condition"] is None:
            return points
        return case((compiled(stored(rule["condition"], self.register), lead), points), else_=literal_column("0"))

    def _band(self, score: Expression, now: Expression) -> Expression:
        """The highest band that the score reaches, or that the lead is in or above and has not left."""
        if not self.bands:
            return literal_column("NULL", Text())
        names = [band["name"] for band in self.bands]
        branches = []
        for at in reversed(range(len(self.bands))):
            band = self.bands[at]
            here = bindparam(self.register(lambda _, at=at: names[at:]), type_=ARRAY(Text()))
            name = bindparam(self.register(lambda _, at=at: names[at]), type_=Text())
            stays = and_(now == func.any(here), score >= literal_column(str(band["leaveBelow"])))
            branches.append(((score >= literal_column(str(band["from"]))) | stays, name))
        return case(*branches)


def _sum(names: Any) -> str:
    return " + ".join(names) or "0"


def _active(points: int, activity: Rule, lead: Any) -> Expression:
    """Points for each activity of a lead, up to the cap. With a half-life, one of so many days ago counts half."""
    found = rows(Activity)
    one = found.entity
    chosen = found.where(one.lead_id == lead.id)
    if activity["types"]:
        chosen = chosen.where(among(one.type, activity["types"]))
    counted: Any = func.count()
    if activity["halfLifeDays"] is not None:
        calendar = own_calendar()
        day = cast(func.timezone(calendar.zone, one.occurred_at), Date)
        age: Any = func.greatest(literal_column("0"), calendar.today - day)
        half_lives = age / literal_column(f"{activity['halfLifeDays']}.0")
        weight: Any = func.power(literal_column("0.5"), half_lives, type_=Numeric())
        counted = func.coalesce(func.sum(func.round(weight, literal_column(DIGITS))), literal_column("0"))
    size = func.round(cast(counted * literal_column(str(abs(points))), Numeric))
    capped: Expression = cast(func.least(literal_column(str(activity["cap"])), size), Integer)
    signed = capped if points > 0 else -capped
    return chosen.select(signed).scalar_subquery()
