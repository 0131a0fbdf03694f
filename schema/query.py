"""The root of every read: what can be asked."""

import strawberry

import resolvers.activities
import resolvers.conditions
import resolvers.contacts
import resolvers.events
import resolvers.histories
import resolvers.leads
import resolvers.lost_reasons
import resolvers.members
import resolvers.nodes
import resolvers.pipelines
import resolvers.pools
import resolvers.tasks
from models.member import Role
from models.pipeline import PipelineType
from schema.activity import Activity, ActivityFilter
from schema.condition import Condition
from schema.contact import CONTACTS, CUSTOMERS, SEARCH, Contact, ContactOrder, Customer, CustomerOrder
from schema.event import Event
from schema.event_filter import EventFilter
from schema.fields import Argument, connection, read
from schema.filters import LeadFilter, LeadOrder
from schema.lead import Lead
from schema.lost_reason import LostReason
from schema.member import Member, MemberOrder, Viewer
from schema.node import Node
from schema.paging import Connection
from schema.pipeline import Pipeline
from schema.routing import Pool
from schema.task import Task
from schema.task_filter import TaskFilter, TaskOrder


def _by_id(noun: str) -> dict[str, Argument]:
    return {"id": Argument(strawberry.ID, f"The id of the {noun}.")}


@strawberry.type(description="Everything that can be read. A whole query is answered as of one instant.")
class Query:
    viewer: Viewer = read(resolvers.members.viewer, "You, your role and your organisation.", role=Role.VIEWER)
    pipelines: list[Pipeline] = read(
        resolvers.pipelines.pipelines,
        "The pipelines of your organisation, oldest first.",
        arguments={"type": Argument(PipelineType | None, "Only pipelines of this type.")},
        role=Role.VIEWER,
        rows=5,
    )
    pipeline: Pipeline | None = read(
        resolvers.pipelines.pipeline,
        "One pipeline; null when there is none.",
        arguments=_by_id("pipeline"),
        role=Role.VIEWER,
    )
    lead: Lead | None = read(
        resolvers.leads.lead,
        "One lead or opportunity; null when there is none.",
        arguments=_by_id("lead"),
        role=Role.VIEWER,
    )
    leads: Connection[Lead] = connection(
        resolvers.leads.leads,
        "The leads and opportunities of your organisation, newest first unless asked otherwise.",
        filters={"filter": Argument(LeadFilter | None, "Only the leads that this lets through.")},
        order=LeadOrder,
        role=Role.VIEWER,
    )
    matching_leads: Connection[Lead] = connection(
        resolvers.conditions.matching_leads,
        "The leads and opportunities that meet a condition, newest first unless asked otherwise: what a rule with this "
        "condition would be about.",
        filters={"condition": Argument(Condition, "What a lead has to meet.")},
        order=LeadOrder,
        role=Role.VIEWER,
    )
    task: Task | None = read(
        resolvers.tasks.task, "One task; null when there is none.", arguments=_by_id("task"), role=Role.VIEWER
    )
    activities: Connection[Activity] = connection(
        resolvers.activities.activities,
        "What people told they did, in your whole organisation, the newest first.",
        filters={"filter": Argument(ActivityFilter | None, "Only the activities that this lets through.")},
        role=Role.VIEWER,
    )
    change_log: Connection[Event] = connection(
        resolvers.histories.change_log,
        "Everything that was changed in your organisation: what, from what to what, by whom, when and by which "
        "mutation; the newest first. Nothing in it is ever changed, and nothing is taken out of it unless the server "
        "is told to.",
        filters={"filter": Argument(EventFilter | None, "Only the events that this lets through.")},
        role=Role.VIEWER,
    )
    tasks: Connection[Task] = connection(
        resolvers.tasks.tasks,
        "The tasks of your organisation, the next due first unless asked otherwise.",
        filters={"filter": Argument(TaskFilter | None, "Only the tasks that this lets through.")},
        order=TaskOrder,
        role=Role.VIEWER,
    )
    contact: Contact | None = read(
        resolvers.contacts.contact,
        "One contact; null when there is none.",
        arguments=_by_id("contact"),
        role=Role.VIEWER,
    )
    contacts: Connection[Contact] = connection(
        resolvers.contacts.contacts,
        "The contacts of your organisation, by name unless asked otherwise.",
        filters=CONTACTS,
        order=ContactOrder,
        role=Role.VIEWER,
    )
    customer: Customer | None = read(
        resolvers.contacts.customer,
        "One customer; null when there is none.",
        arguments=_by_id("customer"),
        role=Role.VIEWER,
    )
    customers: Connection[Customer] = connection(
        resolvers.contacts.customers,
        "The customers of your organisation, by name unless asked otherwise.",
        filters=CUSTOMERS,
        order=CustomerOrder,
        role=Role.VIEWER,
    )
    lost_reasons: list[LostReason] = read(
        resolvers.lost_reasons.lost_reasons,
        "The reasons that your organisation offers when a lead is lost, in order.",
        role=Role.VIEWER,
        rows=20,
    )
    members: Connection[Member] = connection(
        resolvers.members.members,
        "The members of your organisation, by name unless asked otherwise.",
        filters={
            "active": Argument(bool | None, "Only those who still work here, or only those who do not."),
            "role": Argument(Role | None, "Only those with this role."),
            **SEARCH,
        },
        order=MemberOrder,
        role=Role.VIEWER,
    )
    pools: list[Pool] = read(
        resolvers.pools.pools,
        "The pools of members who share incoming leads, oldest first.",
        role=Role.VIEWER,
    )
    cursor: str = read(
        resolvers.events.head,
        "Where the event log stands in this very snapshot. Subscribe `after` it, and you miss nothing.",
        role=Role.VIEWER,
    )
    node: Node | None = read(
        resolvers.nodes.node,
        "Any record by its id; null when there is none.",
        arguments=_by_id("record"),
        role=Role.VIEWER,
    )
    nodes: list[Node | None] = read(
        resolvers.nodes.nodes,
        "Several records by their ids, in that order; null for what is not found.",
        arguments={"ids": Argument(list[strawberry.ID], "The ids, up to 100.")},
        role=Role.VIEWER,
        rows=resolvers.nodes.MAX_NODES,
    )
