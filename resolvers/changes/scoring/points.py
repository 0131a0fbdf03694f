"""The scoring rules of an input: checked each by itself and with each other, and as they are kept.

groups    [{name, min, max, rules: [{name, points, condition, activities: {types, cap, halfLifeDays}}]}]
bands     [{name, from, leaveBelow}], the lowest first
parts     what each number of a score is: the points of each rule, group by group, each group followed by what its
          limits add or take, and in the end what the limits of the score do
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from models.rules.refusal import Checks, Refusal, Refused
from models.rules.text import line, spelled
from models.tables.activity import ActivityType
from resolvers.changes.scoring.limits import HIGHEST, LOWEST, MOST_POINTS, between, refuse, tidy_band
from resolvers.conditions.stored import Named, kept
from resolvers.conditions.tree import size

MOST_GROUPS, MOST_RULES, MOST_BANDS = 20, 100, 10
"""Groups of a pipeline, rules in all of them, and bands."""

MOST_PARTS = 1_000
"""Groups, negations and tests in the conditions of all rules of a pipeline, which are one statement."""

LONGEST_HALF_LIFE = 3650

LEAKS = frozenset(("closedAt", "closed", "lostReason", "converted", "stageKind", "forecastCategory"))
"""Fields of conditions that say how a sale has ended."""

LOOPS: Mapping[str, str] = {
    "score": "A score cannot follow from itself. Test what it is made of.",
    "ownerId": "Routing may choose the owner by the score. Test something else.",
    "ownerInactive": "Routing may choose the owner by the score. Test something else.",
}
"""Fields of conditions that may follow from the score."""

Rule = Mapping[str, Any]


class Rules(NamedTuple):
    """Scoring rules as they are kept."""

    groups: list[dict[str, Any]]
    bands: list[dict[str, Any]]

    @property
    def parts(self) -> list[dict[str, Any]]:
        """What each number of a score is."""
        found = [
            {"group": group["name"], "rule": rule and rule["name"]}
            for group in self.groups
            for rule in (*group["rules"], None)
        ]
        return [*found, {"group": None, "rule": None}]

    @property
    def reachable(self) -> int:
        """The highest score that a lead can have."""
        best = [sum(max(0, most(rule)) for rule in group["rules"]) for group in self.groups]
        total: int = sum(
            max(group["min"], min(group["max"], points)) for group, points in zip(self.groups, best, strict=True)
        )
        return max(LOWEST, min(HIGHEST, total))


def most(rule: Rule) -> int:
    """The points that a rule gives at most, or takes at most if they are negative."""
    points: int = rule["points"]
    if rule["activities"] is None:
        return points
    cap: int = rule["activities"]["cap"]
    return cap if points > 0 else -cap


def check_rules(given: Mapping[str, Any]) -> None:
    """Check the rules of an input. Raises as `tidy_rules` does."""
    tidy_rules(given["groups"], given.get("bands") or [])


def tidy_rules(groups: Sequence[Rule], bands: Sequence[Rule]) -> tuple[Rules, list[Named]]:
    """The rules as they are kept, and what their conditions name.

    Raises `Refused`, with the path of each fault: INVALID, WRONG_ID, LEAKS_OUTCOME.
    """
    _expect_at_most(len(groups), MOST_GROUPS, "groups", "groups")
    _expect_at_most(sum(len(group["rules"]) for group in groups), MOST_RULES, "rules", "groups")
    _expect_at_most(len(bands), MOST_BANDS, "bands", "bands")
    named: list[Named] = []
    with Checks() as check:
        check(_expect_names_once, groups, "groups")
        check(_expect_names_once, bands, "bands")
        found = [check(_group, group, named, "groups", str(at)) for at, group in enumerate(groups)]
        ladder = [check(tidy_band, band, "bands", str(at)) for at, band in enumerate(bands)]
    rules = Rules(found, ladder)
    conditions = [rule["condition"] for group in found for rule in group["rules"] if rule["condition"] is not None]
    with Checks() as check:
        check(_expect_at_most, sum(map(size, conditions)), MOST_PARTS, "parts of conditions", "groups")
        for at in range(len(ladder)):
            check(_expect_reachable, rules, at)
    return rules, named


def _expect_at_most(count: int, most: int, what: str, *path: str) -> None:
    if count > most:
        raise Refused(Refusal.INVALID, f"A pipeline has at most {most:,} {what}, not {count:,}. Send fewer.", *path)


def _expect_names_once(listed: Sequence[Rule], *path: str) -> None:
    seen: set[str] = set()
    with Checks() as check:
        for at, one in enumerate(listed):
            name = " ".join((one["name"] or "").split())
            check(_expect_new, name, seen, *path, str(at), "name")
            seen.add(name)


def _expect_new(name: str, seen: set[str], *path: str) -> None:
    if name and name in seen:
        raise Refused(Refusal.INVALID, f"There are two with the name {name[:100]!r}. Give each its own.", *path)


def _group(given: Rule, named: list[Named], *path: str) -> dict[str, Any]:
    group: dict[str, Any] = {}
    with Checks() as check:
        group = {
            "name": check(line, given["name"] or "", *path, "name"),
            "min": check(_limit, given.get("min"), -MOST_POINTS, *path, "min"),
            "max": check(_limit, given.get("max"), MOST_POINTS, *path, "max"),
        }
        if not given["rules"]:
            check(refuse, "A group needs at least one rule. Add one, or leave the group out.", *path, "rules")
        group["rules"] = [check(_rule, rule, named, *path, "rules", str(at)) for at, rule in enumerate(given["rules"])]
    if group["min"] > group["max"]:
        refuse("The least is more than the most, so no number of points fits. Swap them.", *path, "min")
    return group


def _limit(value: int | None, default: int, *path: str) -> int:
    return default if value is None else between(value, -MOST_POINTS, MOST_POINTS, *path)


def _rule(given: Rule, named: list[Named], *path: str) -> dict[str, Any]:
    condition, activity = given.get("condition"), given.get("activities")
    with Checks() as check:
        rule = {
            "name": check(line, given["name"] or "", *path, "name"),
            "points": check(_points, given["points"], *path, "points"),
            "condition": None,
            "activities": None,
        }
        if condition is None and activity is None:
            check(refuse, "This gives the same points to every lead. Send a condition, or activities.", *path)
        if condition is not None:
            rule["condition"] = check(_condition, condition, named, *path, "condition")
        if activity is not None:
            rule["activities"] = check(_activity, activity, given["points"], *path, "activities")
    return rule


def _points(value: int, *path: str) -> int:
    if value == 0:
        refuse("A rule of 0 points changes nothing. Send others, or leave the rule out.", *path)
    return between(value, -MOST_POINTS, MOST_POINTS, *path)


def _condition(given: Rule, named: list[Named], *path: str) -> dict[str, Any]:
    data, found = kept(given, *path)
    with Checks() as check:
        for field, operator, at in _tests(data, path):
            check(_expect_fair, field, *at, field, operator)
    named.extend(found)
    return data


def _tests(data: Rule, path: tuple[str, ...]) -> Sequence[tuple[str, str, tuple[str, ...]]]:
    """The field and the operator of each test of a canonical condition, and the path to it."""
    ((key, value),) = data.items()
    if key == "not":
        return _tests(value, (*path, key))
    if key in ("and", "or"):
        return [found for at, part in enumerate(value) for found in _tests(part, (*path, key, str(at)))]
    return [(key, next(iter(value)), path)]


def _expect_fair(field: str, *path: str) -> None:
    if field in LEAKS:
        raise Refused(
            Refusal.LEAKS_OUTCOME,
            f"`{field}` says how a sale has ended, which a score is to foretell. Test what is known before.",
            *path,
        )
    if field in LOOPS:
        refuse(LOOPS[field], *path)


def _activity(given: Rule, points: int, *path: str) -> dict[str, Any]:
    with Checks() as check:
        half_life = given.get("half_life_days")
        activity: dict[str, Any] = {
            "types": sorted({ActivityType(type_).value for type_ in given.get("types") or ()}),
            "cap": check(between, given["cap"], 1, MOST_POINTS, *path, "cap"),
            "halfLifeDays": half_life,
        }
        if half_life is not None:
            check(between, half_life, 1, LONGEST_HALF_LIFE, *path, spelled("half_life_days"))
    if activity["cap"] < abs(points):
        refuse("One activity gives more points than this. Raise it, or lower the points.", *path, "cap")
    return activity


def _expect_reachable(rules: Rules, at: int) -> None:
    band, before = rules.bands[at], rules.bands[at - 1] if at else None
    with Checks() as check:
        for name in ("from", "leaveBelow"):
            if before is not None and band[name] <= before[name]:
                check(refuse, "List the bands from the lowest to the highest.", "bands", str(at), name)
        if band["from"] > rules.reachable:
            message = f"The rules give at most {rules.reachable} points, so no lead reaches this band. Lower it."
            check(refuse, message, "bands", str(at), "from")
