"""What is stored: tables, constraints, the rules on one record, the database and its migrations."""

from models.activity import Activity, ActivityType
from models.base import Base, new_id, organisation_id, utc_now
from models.contact import Contact, Customer, MergedRecord
from models.event import Event, EventLog, Outcome
from models.lead import Lead, StageChange
from models.member import Member, Role
from models.organisation import LostReason, Organisation
from models.pipeline import Pipeline, PipelineType
from models.routing import Pool, PoolMember, PoolStrategy, RoutingDay, RoutingRule
from models.stage import Stage, StageKind, StageTotal
from models.task import Task, TaskDependency, TaskPriority, TaskStatus

__all__ = [
    "Activity",
    "ActivityType",
    "Base",
    "Contact",
    "Customer",
    "Event",
    "EventLog",
    "Lead",
    "LostReason",
    "Member",
    "MergedRecord",
    "Organisation",
    "Outcome",
    "Pipeline",
    "PipelineType",
    "Pool",
    "PoolMember",
    "PoolStrategy",
    "Role",
    "RoutingDay",
    "RoutingRule",
    "Stage",
    "StageChange",
    "StageKind",
    "StageTotal",
    "Task",
    "TaskDependency",
    "TaskPriority",
    "TaskStatus",
    "new_id",
    "organisation_id",
    "utc_now",
]
