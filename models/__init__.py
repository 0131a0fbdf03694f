"""What is stored: tables, constraints, the rules on one record, the database and its migrations."""

from models.rules.roles import Role
from models.rules.sharing import PoolStrategy
from models.rules.stage_kind import StageKind
from models.tables.activity import Activity, ActivityType
from models.tables.analytics.gone import GoneLead
from models.tables.analytics.spans import FOREVER, LeadOutcome, LeadSpan, StageSpan
from models.tables.base import Base, new_id, organisation_id, utc_now
from models.tables.contact import Contact, Customer
from models.tables.event import Event, EventLog, ImportedFile, Outcome
from models.tables.forecast.exchange_rate import ExchangeRate, RateSource
from models.tables.forecast.quota import ForecastSubmission, Quota
from models.tables.lead import Lead, LeadSearch, StageChange
from models.tables.member import Member
from models.tables.merged_record import FormerKey, MergedRecord
from models.tables.notification import (
    CalendarFeed,
    MailChannel,
    MailDue,
    MailSetting,
    MutedRecord,
    Notification,
    NotificationReason,
    NotificationSetting,
    Weekday,
)
from models.tables.organisation import LostReason, Organisation
from models.tables.pipeline import Pipeline, PipelineType
from models.tables.routing import Pool, PoolMember, RoutingDay, RoutingRule
from models.tables.run import Lane, Run, RunState, Schedule
from models.tables.scoring.scores import LeadScore, ScoringModel
from models.tables.stage import Stage, StageTotal
from models.tables.task import Task, TaskDependency, TaskPriority, TaskStatus
from models.tables.webhook import (
    AttemptLog,
    DisabledReason,
    Webhook,
    WebhookAttempt,
    WebhookDelivery,
    WebhookOrdering,
    WebhookSecret,
    WebhookState,
    WebhookStatus,
)

__all__ = [
    "FOREVER",
    "Activity",
    "ActivityType",
    "AttemptLog",
    "Base",
    "CalendarFeed",
    "Contact",
    "Customer",
    "DisabledReason",
    "Event",
    "EventLog",
    "ExchangeRate",
    "ForecastSubmission",
    "FormerKey",
    "GoneLead",
    "ImportedFile",
    "Lane",
    "Lead",
    "LeadOutcome",
    "LeadScore",
    "LeadSearch",
    "LeadSpan",
    "LostReason",
    "MailChannel",
    "MailDue",
    "MailSetting",
    "Member",
    "MergedRecord",
    "MutedRecord",
    "Notification",
    "NotificationReason",
    "NotificationSetting",
    "Organisation",
    "Outcome",
    "Pipeline",
    "PipelineType",
    "Pool",
    "PoolMember",
    "PoolStrategy",
    "Quota",
    "RateSource",
    "Role",
    "RoutingDay",
    "RoutingRule",
    "Run",
    "RunState",
    "Schedule",
    "ScoringModel",
    "Stage",
    "StageChange",
    "StageKind",
    "StageSpan",
    "StageTotal",
    "Task",
    "TaskDependency",
    "TaskPriority",
    "TaskStatus",
    "Webhook",
    "WebhookAttempt",
    "WebhookDelivery",
    "WebhookOrdering",
    "WebhookSecret",
    "WebhookState",
    "WebhookStatus",
    "Weekday",
    "new_id",
    "organisation_id",
    "utc_now",
]
