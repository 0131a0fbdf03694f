"""The fields of conditions: one table, from which their operators, their SQL and their input are derived."""

from collections.abc import Callable, Mapping
from typing import Any

from engine.read.rows import rows
from models.records import RECORDS
from models.rules.stage_kind import StageKind
from models.rules.text import spelled
from models.tables.contact import Contact, Customer
from models.tables.pipeline import PipelineType
from models.tables.stage import Stage
from resolvers.conditions.operators import Field, Kind
from resolvers.reads import leads
from resolvers.reads.tasks.tasks import has_next

NAMING = {f"{record.noun}Id": record.noun for record in RECORDS.values() if record.merges}
"""The fields of a condition that hold ids of records that can be merged."""


def _column(name: str) -> Callable[[Any], Any]:
    return lambda lead: getattr(lead, name)


def _of(model: type[Any], id: str, name: str) -> Callable[[Any], Any]:
    """A column of the contact, customer or stage that the lead names."""
    return lambda lead: rows(model, getattr(lead, id)).value(lambda row: getattr(row, name))


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
        "has_next_task": Field(Kind.BOOLEAN, has_next, "Whether it has an open task."),
        "kind": Field(
            Kind.CHOICE, lambda lead: leads.kind(lead, {}), "Whether it is a lead or an opportunity.", PipelineType
        ),
        "stage_kind": Field(Kind.CHOICE, _of(Stage, "stage_id", "kind"), "The kind of its current stage.", StageKind),
        **_ids(
            pipeline_id=("pipeline", "The pipeline it is in."),
            stage_id=("stage", "Its current stage."),
            owner_id=("member", "The member who works on it."),
            contact_id=("contact", "The person you deal with."),
            customer_id=("customer", "The company you sell to."),
        ),
        **_texts_of(
            Contact,
            "contact",
            name="The contact's name.",
            email="The contact's e-mail address.",
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
