"""The statement that scores leads: it is made from the rules of a pipeline, and writes only what differs.

raw      the points that each rule gives to each lead, and when the passing of time may change one of them
limited  the points of each group, within its limits
scored   the sum, within the limits of a score
judged   whether the score is pinned, and the band; beside what is kept
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
    Integer,
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
from engine.read.json_text import Expression
from engine.read.rows import ORG, rows
from models.database import Statement
from models.tables.lead import Lead
from models.tables.scoring.scores import LeadScore
from resolvers.changes.scoring.activities import active, fades
from resolvers.changes.scoring.limits import HIGHEST, LOWEST
from resolvers.changes.scoring.points import Rule
from resolvers.conditions.flips import INSTANT, flips
from resolvers.conditions.sql import compiled
from resolvers.conditions.stored import stored

PIPELINE_ID = bindparam("pipeline_id", type_=Uuid())

KEPT = (
    *("org_id", "lead_id", "pipeline_id", "model_version", "total", "score", "parts", "band", "pinned", "rescore_at"),
    "scored_at",
)

expect_columns(LeadScore, KEPT)


@dataclass(frozen=True)
class Scoring:
    """The statement that scores leads by a version of the rules, and the values bound in it besides the leads."""

    statement: Statement
    values: Mapping[str, Any]


@lru_cache(maxsize=200)
def scoring(groups: str, bands: str, only_compare: bool = False) -> Scoring:
    """The statement for rules, as their JSON. It takes the `ids` of open leads of the pipeline, which must be locked,
    `pipeline_id` and `version`. It returns the lead, what its score was and is, when its band was last decided what the
    score and the band were, and the band now, for each lead that it writes; or would write, if it is only to compare.
    """
    values: dict[str, Any] = {}

    def register(get: Any, _use: object = None) -> str:
        name = f"c{len(values)}"
        values[name] = get({})
        return name

    built = _Built(orjson.loads(groups), orjson.loads(bands), register)
    statement = Statement(built.compared() if only_compare else built.written())
    _ = statement.sql  # compiled here, in the thread that this runs in
    return Scoring(statement, values)


class _Built:
    """Builds the statement, part by part."""

    def __init__(self, groups: Sequence[Rule], bands: Sequence[Rule], register: Any) -> None:
        self.groups = groups
        self.bands = bands
        self.register = register

    def compared(self) -> Any:
        """The statement that only compares."""
        return select(*self._shown(self._changed()))

    def written(self) -> Any:
        """The statement that also writes what differs."""
        changed = self._changed()
        written = (
            update(Lead.__table__)  # type: ignore[arg-type]
            .where(Lead.org_id == ORG, Lead.id == changed.c.lead_id, changed.c.score.is_distinct_from(changed.c.given))
            .values(score=changed.c.score)
            .returning(Lead.id)
            .cte("written")
        )
        values: list[Any] = [ORG, *(changed.c[name] for name in KEPT[1:-1])]
        scored_at = case((changed.c.is_new, func.statement_timestamp()), else_=changed.c.old_scored_at)
        # In one order, so that two that write the same rows do not wait for each other.
        given = select(*values, scored_at).select_from(changed).order_by(changed.c.lead_id)
        kept = insert(LeadScore.__table__).from_select(KEPT, given)  # type: ignore[arg-type]
        wanted: dict[str, Any] = {name: kept.excluded[name] for name in KEPT[2:]}
        # What was marked meanwhile has changed in a way that this statement does not see: it is scored again.
        marked = LeadScore.rescore_at.between(func.statement_timestamp(), func.clock_timestamp())
        wanted["rescore_at"] = case((marked, LeadScore.rescore_at), else_=wanted["rescore_at"])
        kept = kept.on_conflict_do_update(index_elements=["org_id", "lead_id"], set_=wanted)
        return select(*self._shown(changed)).add_cte(written, kept.returning(LeadScore.lead_id).cte("kept"))

    @staticmethod
    def _shown(changed: Any) -> list[Any]:
        return [changed.c[name] for name in ("lead_id", "given", "score", "old_score", "was", "band")]

    def _changed(self) -> Any:
        scored = self._scored()
        held = rows(LeadScore)
        names = (
            *("lead_id", "pinned", "band", "score", "model_version", "pipeline_id", "parts", "rescore_at"),
            "scored_at",
        )
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
                before.c.scored_at.label("old_scored_at"),
                before.c.rescore_at.label("old_rescore_at"),
                scored.c.rescore_at,
            )
            .select_from(scored.outerjoin(before, before.c.lead_id == scored.c.lead_id))
            .cte("judged")
        )
        pipeline_id, version = (
            bindparam("pipeline_id", type_=Lead.pipeline_id.type),
            bindparam("version", type_=Integer()),
        )
        was = func.row(
            judged.c.old_pipeline, judged.c.old_version, judged.c.old_parts, judged.c.old_pinned, judged.c.was,
            judged.c.given, judged.c.old_score,
        )  # fmt: skip
        now = func.row(
            pipeline_id, version, judged.c.parts, judged.c.pinned, judged.c.band, judged.c.score, judged.c.score
        )
        is_new = was.is_distinct_from(now)
        later = judged.c.old_rescore_at.is_distinct_from(judged.c.rescore_at)
        places = (pipeline_id.label("pipeline_id"), version.label("model_version"))
        return select(judged, *places, is_new.label("is_new")).where(is_new | later).cte("changed")

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
            limited.c.rescore_at,
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
        at = [flip for group in self.groups for rule in group["rules"] for flip in self._flips(rule, lead)]
        earliest: Any = cast(func.least(*at), INSTANT) if at else literal_column("CAST(NULL AS timestamptz)", INSTANT)
        names = (lead.id.label("lead_id"), lead.score.label("given"), earliest.label("rescore_at"))
        chosen = open_ones.select(*names, *points)
        return chosen.cte("raw").prefix_with("MATERIALIZED")

    def _points(self, rule: Rule, lead: Any) -> Expression:
        points: Expression = literal_column(str(rule["points"]), Integer())
        if rule["activities"] is not None:
            points = active(rule["points"], rule["activities"], lead)
        if rule["condition"] is None:
            return points
        return case((compiled(stored(rule["condition"], self.register), lead), points), else_=literal_column("0"))

    def _flips(self, rule: Rule, lead: Any) -> list[Expression]:
        """When the points of a rule may change by the passing of time alone."""
        found = [] if rule["activities"] is None else fades(rule["points"], rule["activities"], lead)
        return found if rule["condition"] is None else [*found, *flips(stored(rule["condition"], self.register), lead)]

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
