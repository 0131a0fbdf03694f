"""What leads are found by: the orders of their lists, the parts of their filter, and the fields of conditions.

Each is one table. Resolvers take its SQL from it; the schema takes its inputs, with their descriptions.
"""

from collections.abc import Callable, Mapping
from typing import Any

from sqlalchemy import ARRAY, Uuid, any_, func

from engine.read.filters import found_by, one_of
from engine.read.paging import Order
from engine.read.rows import rows
from models.records import RECORDS
from models.rules.money import as_currency
from models.rules.stage_kind import ForecastCategory, StageKind
from models.rules.text import spelled
from models.tables.contact import Contact, Customer
from models.tables.lead import Lead
from models.tables.pipeline import PipelineType
from models.tables.stage import Stage
from resolvers.conditions.filters import (
    FilterPart,
    FilterValue,
    equals,
    flag,
    found_in,
    has_one_of,
    in_category,
    of_kind,
    owner_inactive,
    within,
)
from resolvers.conditions.operators import Field, Kind
from resolvers.reads import leads, stage_times
from resolvers.reads.tasks.tasks import has_next

NAMING = {f"{record.noun}Id": record.noun for record in RECORDS.values() if record.merges}
"""The fields of a condition that hold ids of records that can be merged."""


def _column(name: str) -> Callable[[Any], Any]:
    return lambda lead: getattr(lead, name)


def _by(name: str, description: str) -> Order:
    """Sorted by a column of the lead."""
    return Order(_column(name), description, nullable=bool(Lead.__table__.c[name].nullable))


ORDERS: Mapping[str, Order] = {
    "BOARD": _by("rank", "By position on the board, as people arranged the cards."),
    "CREATED_AT": _by("created_at", "By the time of creation."),
    "UPDATED_AT": _by("updated_at", "By the time of the last change."),
    "TITLE": _by("sort_key", "By title, regardless of case and accents; numbers by value."),
    "VALUE": _by("value", "By value, regardless of the currency."),
    "EXPECTED_CLOSE_DATE": _by("expected_close_date", "By the expected closing date."),
    "SCORE": _by("score", "By score."),
    "STAGE_ENTERED_AT": _by("stage_entered_at", "By the time they entered their current stage."),
}
"""Every order of a list of leads."""

FILTERS: Mapping[str, FilterPart] = {
    "pipeline_ids": has_one_of("pipeline_id", "pipeline", "In one of these pipelines."),
    "stage_ids": has_one_of("stage_id", "stage", "In one of these stages."),
    "owner_ids": has_one_of("owner_id", "member", "Worked on by one of these members."),
    "contact_ids": has_one_of("contact_id", "contact", "With one of these contacts."),
    "customer_ids": has_one_of("customer_id", "customer", "With one of these customers."),
    "kind": FilterPart(FilterValue.PIPELINE_TYPE, of_kind, "Only leads, or only opportunities."),
    "unowned": flag(
        lambda lead: lead.owner_id.is_(None),
        "True: only leads without an owner. False: only leads with an owner.",
    ),
    "owner_inactive": flag(
        owner_inactive,
        "True: only leads whose owner is no longer an active member. False: only leads whose owner is active, and leads"
        " without an owner.",
    ),
    "closed": flag(
        lambda lead: lead.closed_at.is_not(None),
        "True: only leads that are won, lost or disqualified. False: only open leads.",
    ),
    "has_next_task": flag(has_next, "True: only leads with an open task. False: only leads without one."),
    "is_rotten": flag(
        lambda lead: stage_times.is_rotten(lead, {}),
        "True: only leads that have gone stale, as `Lead.isRotten` says. False: only those that have not.",
    ),
    "currency": equals("currency", "Only values in this currency, an ISO 4217 code.", as_currency),
    "value": within("value", FilterValue.AMOUNTS, "Only values in this range, in any currency."),
    "expected_close_date": within(
        "expected_close_date", FilterValue.DAYS, "Only leads expected to close on these days."
    ),
    "forecast_categories": FilterPart(
        FilterValue.FORECAST_CATEGORIES,
        in_category,
        "In one of these forecast categories, as `Lead.forecastCategory` says.",
    ),
    "created_at": within("created_at", FilterValue.INSTANTS, "Only leads created during this time."),
    "search": FilterPart(
        FilterValue.TEXT,
        found_in,
        found_by(
            "leads",
            "the title, the external id, the contact's name, e-mail address or telephone number, or the customer's"
            " name, web address, telephone number or external id",
        ),
    ),
}
"""Every part of a lead filter. A list holds the leads that match all parts that are given."""

STAGES: Mapping[str, Callable[[Any, Any], Any]] = {
    "pipeline_ids": FILTERS["pipeline_ids"].sql,
    "stage_ids": lambda stage, ids: one_of(stage.id, "stage", ids),
    "kind": FILTERS["kind"].sql,
}
"""What some parts of the filter mean for the stage that a lead is in, which names its pipeline as a lead does."""


def _of(model: type[Any], id: str, name: str) -> Callable[[Any], Any]:
    """A column of the contact, customer or stage that the lead names."""
    return lambda lead: rows(model, getattr(lead, id)).value(lambda row: getattr(row, name))


def _of_people(lead: Any, test: Callable[[Any], Any]) -> Any:
    """Whether the lead's contact is one of those whose e-mail address passes a test: few, which an index finds."""
    people = rows(Contact)
    ids = people.where(test(people.entity.email)).select(people.entity.id).scalar_subquery()
    return lead.contact_id == any_(func.array(ids, type_=ARRAY(Uuid())))


def _has(name: str) -> Callable[[Any], Any]:
    return lambda lead: getattr(lead, name).is_not(None)


def _columns(kind: Kind, **descriptions: str) -> dict[str, Field]:
    return {name: Field(kind, _column(name), description) for name, description in descriptions.items()}


def _ids(**fields: tuple[str, str]) -> dict[str, Field]:
    return {name: Field(Kind.ID, _column(name), text, prefix=noun) for name, (noun, text) in fields.items()}


def _texts_of(model: type[Any], noun: str, **descriptions: str) -> dict[str, Field]:
    return {
        f"{noun}_{name}": Field(Kind.TEXT, _of(model, f"{noun}_id", name), description)
        for name, description in descriptions.items()
    }


FIELDS: Mapping[str, Field] = {
    spelled(name): field
    for name, field in {
        **_columns(
            Kind.TEXT,
            title="What the sale is about.",
            description="Anything else worth knowing.",
            source="Where it came from: a campaign, a form, an import.",
            external_id="Its id in the system it was imported from.",
            lost_reason="Why it was lost or disqualified.",
        ),
        **_columns(Kind.NUMBER, score="How promising it looks: the higher, the better."),
        "probability": Field(
            Kind.NUMBER,
            lambda lead: leads.probability(lead, {}),
            "The chance of winning it, in percent: its own, or its stage's.",
        ),
        # The row itself, which holds the amount and its currency.
        "value": Field(Kind.MONEY, lambda lead: lead, "What the sale would bring in."),
        **_columns(Kind.TEXT, currency="The currency of its value, as an ISO 4217 code."),
        **_columns(Kind.DATE, expected_close_date="The day on which the sale is expected."),
        **_columns(
            Kind.INSTANT,
            created_at="When it was created.",
            updated_at="When it last changed.",
            stage_entered_at="When it entered its current stage.",
            last_activity_at="When an activity was last logged on it.",
            qualified_at="When it was qualified.",
            closed_at="When it was won, lost or disqualified.",
        ),
        "qualified": Field(Kind.BOOLEAN, _has("qualified_at"), "Whether it has been qualified."),
        "closed": Field(Kind.BOOLEAN, _has("closed_at"), "Whether it is won, lost or disqualified."),
        "converted": Field(Kind.BOOLEAN, _has("converted_at"), "Whether it has been converted into an opportunity."),
        "owner_inactive": Field(Kind.BOOLEAN, owner_inactive, "Whether its owner is no longer an active member."),
        "has_next_task": Field(Kind.BOOLEAN, has_next, "Whether it has an open task."),
        "is_rotten": Field(Kind.BOOLEAN, lambda lead: stage_times.is_rotten(lead, {}), "Whether it has gone stale."),
        "kind": Field(
            Kind.CHOICE, lambda lead: leads.kind(lead, {}), "Whether it is a lead or an opportunity.", PipelineType
        ),
        "stage_kind": Field(Kind.CHOICE, _of(Stage, "stage_id", "kind"), "The kind of its current stage.", StageKind),
        "forecast_category": Field(
            Kind.CHOICE,
            lambda lead: leads.forecast_category(lead, {}),
            "How firmly a forecast counts on it.",
            ForecastCategory,
        ),
        **_ids(
            pipeline_id=("pipeline", "The pipeline it is in."),
            stage_id=("stage", "Its current stage."),
            owner_id=("member", "The member who works on it."),
            contact_id=("contact", "The person you deal with."),
            customer_id=("customer", "The company you sell to."),
        ),
        **_texts_of(Contact, "contact", name="The contact's name."),
        "contact_email": Field(
            Kind.TEXT, _of(Contact, "contact_id", "email"), "The contact's e-mail address.", start=_of_people
        ),
        **_texts_of(
            Contact,
            "contact",
            phone="The contact's telephone number.",
            job_title="The contact's job title.",
        ),
        **_texts_of(
            Customer,
            "customer",
            name="The customer's name.",
            website="The customer's web address.",
            industry="The customer's industry.",
            phone="The customer's telephone number.",
            external_id="The customer's id in the system it was imported from.",
        ),
    }.items()
}
"""Every field of conditions, by its published name."""
