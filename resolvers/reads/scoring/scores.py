"""Reading scores: the rules of a pipeline, and how the score of a lead comes about."""

from collections.abc import Callable
from enum import StrEnum
from typing import Any

from sqlalchemy import BigInteger, Integer, Text, Uuid, case, cast, column, func, literal_column, select, union_all
from sqlalchemy.dialects.postgresql import JSONB

from engine.read.json_text import NULL, Expression, quoted
from engine.read.rows import Rows, Source, rows
from engine.read.slots import Args
from models.rules.ids import parse_id
from models.tables.scoring.scores import LeadScore, ScoringModel


class ScoreSource(StrEnum):
    """Where a score comes from."""

    PINNED = "PINNED"
    RULES = "RULES"


class ScorePartKind(StrEnum):
    """What a part of a score is."""

    RULE = "RULE"
    GROUP_LIMIT = "GROUP_LIMIT"
    SCORE_LIMIT = "SCORE_LIMIT"
    PINNED = "PINNED"


def scoring_model(root: Any, args: Args) -> Rows:
    """The rules that hold in a pipeline, or its draft."""
    id = args["pipeline_id"].bind(Uuid(), lambda text: parse_id("pipeline", text))
    found = rows(ScoringModel)
    model = found.entity
    found = found.where(model.pipeline_id == id)
    if args.get("draft"):
        later = rows(ScoringModel)
        newest = later.where(later.entity.pipeline_id == id).value(lambda one: func.max(one.version))
        return found.where(model.published_at.is_(None), model.version == newest)
    return found.where(model.published_at.is_not(None)).ordered(model.version.desc()).first()


class Listed:
    """The objects of a list that is kept as JSON, in order."""

    def __init__(self, listed: Expression) -> None:
        entry = func.jsonb_array_elements(listed).table_valued(column("value", JSONB())).render_derived()
        self.clause = entry
        self.value: Any = entry.c.value

    def __clause_element__(self) -> Any:
        return self.clause


def _list(listed: Expression) -> Rows:
    return Rows(Listed, Listed(listed), ())


def groups(model: Any, args: Args) -> Rows:
    """The groups of rules."""
    return _list(model.groups)


def bands(model: Any, args: Args) -> Rows:
    """The bands, the lowest first."""
    return _list(model.bands)


def rules(group: Any, args: Args) -> Rows:
    """The rules of a group."""
    return _list(group.value[quoted("rules")])


def activities(rule: Any, args: Args) -> Rows:
    """What a rule counts of the activities of a lead."""
    kept = rule.value[quoted("activities")]
    only = func.jsonb_path_query_array(kept, literal_column("'$ ? (@ != null)'"), type_=JSONB())
    return _list(only)


def text(name: str) -> Callable[[Any, Args], Expression]:
    """A text of an object that is kept as JSON."""
    return lambda kept, args: cast(kept.value.op("->>")(quoted(name)), Text)


def number(name: str) -> Callable[[Any, Args], Expression]:
    """A number of an object that is kept as JSON."""
    return lambda kept, args: cast(kept.value.op("->>")(quoted(name)), Integer)


def tree(name: str) -> Callable[[Any, Args], Expression]:
    """A part of an object that is kept as JSON, as it is; null for JSON's null."""

    def resolver(kept: Any, args: Args) -> Expression:
        found: Expression = kept.value.op("->", return_type=JSONB())(quoted(name))
        return func.nullif(found, literal_column("CAST('null' AS jsonb)"), type_=JSONB())

    return resolver


def _score_of(lead: Any) -> Rows:
    found = rows(LeadScore)
    return found.where(found.entity.lead_id == lead.id)


def source(lead: Any, args: Args) -> Expression:
    """Whether somebody set the score, or the rules give it; null without a score."""
    pinned = _score_of(lead).value(lambda held: held.pinned)
    by_rules = pinned.is_(literal_column("false"))
    return case(
        (lead.score.is_(None), literal_column("NULL", Text())),
        (by_rules, quoted(ScoreSource.RULES)),
        else_=quoted(ScoreSource.PINNED),
    )


class Banded:
    """The band that a lead's score is in, as the rules that decided it have it."""

    def __init__(self, lead: Any) -> None:
        found, versions = _score_of(lead), rows(ScoringModel)
        held, model = found.entity, versions.entity
        entry = Listed(model.bands).clause
        chosen = select(entry.c.value).select_from(held, model, entry).where(
            *found.conditions, *versions.conditions, model.pipeline_id == held.pipeline_id,
            model.version == held.model_version, entry.c.value.op("->>")(quoted("name")) == held.band,
        )  # fmt: skip
        self.clause = chosen.correlate(lead.clause).lateral()
        self.value: Any = self.clause.c.value

    def __clause_element__(self) -> Any:
        return self.clause


class KeptObject(Rows):
    """A single object of what is kept as JSON, which is built where it stands: there is no row to join."""

    def json_one(self, build: Callable[[Source], Expression], beside: Source) -> Expression:
        """A JSON object, or null."""
        return func.coalesce(self.json_or_nothing(build), NULL)


def band(lead: Any, args: Args) -> Rows:
    """The band that the score is in; none without one."""
    return KeptObject(Banded, Banded(lead), ())


def scored_at(lead: Any, args: Args) -> Expression:
    """When the rules last gave it another score."""
    return _score_of(lead).value(lambda held: held.scored_at)


def model_version(lead: Any, args: Args) -> Expression:
    """The version of the rules that gave the score."""
    return _score_of(lead).value(lambda held: held.model_version)


class Part:
    """A part of a lead's score, as long as it is not 0: of each number, what it is; and what a pin adds or takes."""

    def __init__(self, lead: Any) -> None:
        found, versions = _score_of(lead), rows(ScoringModel)
        held, model = found.entity, versions.entity
        numbers = func.unnest(held.parts).table_valued(column("points", Integer()), with_ordinality="nth")
        numbers = numbers.render_derived(name="numbers")
        names: Any = model.parts.op("->", return_type=JSONB())(cast(numbers.c.nth - literal_column("1"), Integer))
        group, rule = (cast(names.op("->>")(quoted(name)), Text) for name in ("group", "rule"))
        kind = case(
            (rule.is_not(None), quoted(ScorePartKind.RULE)),
            (group.is_not(None), quoted(ScorePartKind.GROUP_LIMIT)),
            else_=quoted(ScorePartKind.SCORE_LIMIT),
        )
        given = select(
            numbers.c.nth.label("nth"), kind.label("kind"), group.label("group_name"), rule.label("rule_name"),
            numbers.c.points.label("points"),
        ).select_from(held, numbers, model).where(
            *found.conditions, *versions.conditions, model.pipeline_id == held.pipeline_id,
            model.version == held.model_version, numbers.c.points != literal_column("0"),
        )  # fmt: skip
        total = _score_of(lead).value(lambda one: one.total)
        zero: Expression = literal_column("0")
        difference = func.coalesce(lead.score, zero, type_=Integer()) - func.coalesce(total, zero, type_=Integer())
        last = literal_column("1000000", BigInteger())
        nothing = literal_column("NULL", Text())
        pin = select(
            last.label("nth"), quoted(ScorePartKind.PINNED).label("kind"), nothing.label("group_name"),
            nothing.label("rule_name"), difference.label("points"),
        ).where(difference != zero)  # fmt: skip
        both = union_all(given.correlate(lead.clause), pin.correlate(lead.clause)).subquery()
        self.clause = select(both).order_by(both.c.nth).lateral()
        self.kind: Expression = self.clause.c.kind
        self.group_name: Expression = self.clause.c.group_name
        self.rule_name: Expression = self.clause.c.rule_name
        self.points: Expression = self.clause.c.points

    def __clause_element__(self) -> Any:
        return self.clause


def parts(lead: Any, args: Args) -> Rows:
    """The parts of a lead's score, whose sum it is."""
    return Rows(Part, Part(lead), ())
