"""The root type of reads."""

import strawberry

import resolvers.changes.leads.lost_reasons
import resolvers.reads.activities
import resolvers.reads.analytics.boards
import resolvers.reads.analytics.pipeline_change
import resolvers.reads.contacts
import resolvers.reads.events.subscriptions
import resolvers.reads.events.timelines
import resolvers.reads.events.webhooks
import resolvers.reads.inbox.notifications
import resolvers.reads.lead_lists
import resolvers.reads.leads
import resolvers.reads.members
import resolvers.reads.nodes
import resolvers.reads.pipelines
import resolvers.reads.routing
import resolvers.reads.runs
import resolvers.reads.tasks.tasks
from engine.publish.connection import Connection
from engine.publish.fields import Argument, connection, read
from engine.publish.node import Node
from models.rules.roles import Role
from models.rules.search import LONGEST_SEARCH
from models.tables.pipeline import PipelineType
from models.tables.run import RunState
from schema.analytics.boards import BoardAsOf
from schema.analytics.changes import PipelineChange, PipelineChangeFilter
from schema.analytics.moments import AsOf
from schema.analytics.queries import StageReports
from schema.filters.condition import Condition
from schema.filters.event import EventFilter
from schema.filters.lead import LeadFilter, LeadOrder
from schema.filters.task import TaskFilter, TaskOrder
from schema.forecast.queries import ForecastQueries
from schema.inbox.notification import Notification
from schema.reports.queries import LeadReports
from schema.scoring.model import ScoringQueries
from schema.scoring.reports import ScoreReports
from schema.types.activity import Activity, ActivityFilter
from schema.types.contact import CONTACTS, CUSTOMERS, Contact, ContactOrder, Customer, CustomerOrder
from schema.types.events.interfaces import Event
from schema.types.events.webhook import Webhook
from schema.types.lead import Lead
from schema.types.lost_reason import LostReason
from schema.types.member import Member, MemberOrder, Viewer
from schema.types.pipeline import Pipeline
from schema.types.routing import Pool
from schema.types.run import Run
from schema.types.task import Task


def _by_id(noun: str) -> dict[str, Argument]:
    return {"id": Argument(strawberry.ID, f"The id of the {noun}.")}


@strawberry.type(description="Everything that can be read. A whole query reads the state of one instant.")
class Query(ForecastQueries, LeadReports, ScoreReports, ScoringQueries, StageReports):
    viewer: Viewer = read(resolvers.reads.members.viewer, "You, your role and your organisation.", role=Role.VIEWER)
    pipelines: list[Pipeline] = read(
        resolvers.reads.pipelines.pipelines,
        "The pipelines of your organisation, oldest first.",
        arguments={"type": Argument(PipelineType | None, "Only pipelines of this type.")},
        role=Role.VIEWER,
        rows=5,
    )
    pipeline: Pipeline | None = read(
        resolvers.reads.pipelines.pipeline,
        "One pipeline; null when there is none.",
        arguments=_by_id("pipeline"),
        role=Role.VIEWER,
    )
    board_as_of: BoardAsOf | None = read(
        resolvers.reads.analytics.boards.board,
        "The board of a pipeline as it was at a moment of the past, even if the pipeline has been deleted since; null "
        "when there never was one of this id.",
        arguments={
            "pipeline_id": Argument(strawberry.ID, "The id of the pipeline."),
            "as_of": Argument(AsOf, "The moment."),
        },
        role=Role.VIEWER,
    )
    pipeline_change: PipelineChange | None = read(
        resolvers.reads.analytics.pipeline_change.change,
        "How the open leads of a pipeline changed between two moments, and why, even if the pipeline has been deleted "
        "since; null when there never was one of this id.",
        arguments={
            "pipeline_id": Argument(strawberry.ID, "The id of the pipeline."),
            "from_": Argument(AsOf, "The first moment."),
            "to": Argument(AsOf | None, "The second moment; without it, now."),
            "filter": Argument(PipelineChangeFilter | None, "Only the open leads that match this filter count."),
        },
        role=Role.VIEWER,
    )
    lead: Lead | None = read(
        resolvers.reads.leads.lead,
        "One lead or opportunity; null when there is none.",
        arguments=_by_id("lead"),
        role=Role.VIEWER,
    )
    leads: Connection[Lead] = connection(
        resolvers.reads.lead_lists.leads,
        "The leads and opportunities of your organisation, newest first by default.",
        filters={"filter": Argument(LeadFilter | None, "Only the leads that match this filter.")},
        order=LeadOrder,
        role=Role.VIEWER,
    )
    matching_leads: Connection[Lead] = connection(
        resolvers.reads.lead_lists.matching_leads,
        "The leads and opportunities that match a condition, newest first by default: those that a rule with this "
        "condition would apply to. Every lead is tested, so each test counts as 200 rows of the operation's cost.",
        filters={"condition": Argument(Condition, "The condition a lead must match.")},
        order=LeadOrder,
        role=Role.VIEWER,
        test_rows=200,
    )
    task: Task | None = read(
        resolvers.reads.tasks.tasks.task,
        "One task; null when there is none.",
        arguments=_by_id("task"),
        role=Role.VIEWER,
    )
    activities: Connection[Activity] = connection(
        resolvers.reads.activities.activities,
        "The activities that people logged in your whole organisation, newest first.",
        filters={"filter": Argument(ActivityFilter | None, "Only the activities that match this filter.")},
        role=Role.VIEWER,
    )
    change_log: Connection[Event] = connection(
        resolvers.reads.events.timelines.change_log,
        "Every change in your organisation, newest first: the fields before and after, by whom, when and by which "
        "mutation. Entries are never changed, and never removed unless the server is configured to.",
        filters={"filter": Argument(EventFilter | None, "Only the events that match this filter.")},
        role=Role.VIEWER,
    )
    tasks: Connection[Task] = connection(
        resolvers.reads.tasks.tasks.tasks,
        "The tasks of your organisation, the next due first by default.",
        filters={"filter": Argument(TaskFilter | None, "Only the tasks that match this filter.")},
        order=TaskOrder,
        role=Role.VIEWER,
    )
    contact: Contact | None = read(
        resolvers.reads.contacts.contact,
        "One contact; null when there is none.",
        arguments=_by_id("contact"),
        role=Role.VIEWER,
    )
    contacts: Connection[Contact] = connection(
        resolvers.reads.contacts.contacts,
        "The contacts of your organisation, by name by default.",
        filters=CONTACTS,
        order=ContactOrder,
        role=Role.VIEWER,
    )
    customer: Customer | None = read(
        resolvers.reads.contacts.customer,
        "One customer; null when there is none.",
        arguments=_by_id("customer"),
        role=Role.VIEWER,
    )
    customers: Connection[Customer] = connection(
        resolvers.reads.contacts.customers,
        "The customers of your organisation, by name by default.",
        filters=CUSTOMERS,
        order=CustomerOrder,
        role=Role.VIEWER,
    )
    lost_reasons: list[LostReason] = read(
        resolvers.changes.leads.lost_reasons.lost_reasons,
        "The reasons that your organisation offers when a lead is lost, in order.",
        role=Role.VIEWER,
        rows=20,
    )
    members: Connection[Member] = connection(
        resolvers.reads.members.members,
        "The members of your organisation, by name by default.",
        filters={
            "active": Argument(bool | None, "True: only active members. False: only inactive members."),
            "role": Argument(Role | None, "Only those with this role."),
            "search": Argument(
                str | None,
                f"Only those whose name or e-mail address contains this text of up to {LONGEST_SEARCH} characters, in"
                " upper or lower case.",
            ),
        },
        order=MemberOrder,
        role=Role.VIEWER,
    )
    pools: list[Pool] = read(
        resolvers.reads.routing.pools,
        "The pools of members who share incoming leads, oldest first.",
        role=Role.VIEWER,
    )
    notifications: Connection[Notification] = connection(
        resolvers.reads.inbox.notifications.notifications,
        "Your notifications, newest first. Nobody else sees them.",
        filters={"unread": Argument(bool | None, "True: only unread ones. False: only those marked as read.")},
        role=Role.VIEWER,
    )
    run: Run | None = read(
        resolvers.reads.runs.run,
        "One run: a change that takes longer than a request. Null when there is none.",
        arguments=_by_id("run"),
        role=Role.VIEWER,
    )
    runs: Connection[Run] = connection(
        resolvers.reads.runs.runs,
        "The runs of your organisation, newest first. Those that ended long ago are deleted.",
        filters={"state": Argument(RunState | None, "Only runs in this state.")},
        role=Role.VIEWER,
    )
    webhooks: list[Webhook] = read(
        resolvers.reads.events.webhooks.webhooks,
        "The webhooks of your organisation, oldest first.",
        role=Role.ADMIN,
        rows=5,
    )
    webhook: Webhook | None = read(
        resolvers.reads.events.webhooks.webhook,
        "One webhook; null when there is none.",
        arguments=_by_id("webhook"),
        role=Role.ADMIN,
    )
    cursor: str = read(
        resolvers.reads.events.subscriptions.head,
        "The end of the event log in the same snapshot. Subscribe `after` it to miss nothing.",
        role=Role.VIEWER,
    )
    node: Node | None = read(
        resolvers.reads.nodes.node,
        "Any record by its id; null when there is none.",
        arguments=_by_id("record"),
        role=Role.VIEWER,
    )
    nodes: list[Node | None] = read(
        resolvers.reads.nodes.nodes,
        "Several records by their ids, in that order; null for what is not found.",
        arguments={"ids": Argument(list[strawberry.ID], "The ids, up to 100.")},
        role=Role.VIEWER,
        rows=resolvers.reads.nodes.MAX_NODES,
    )
