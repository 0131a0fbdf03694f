"""What is stored: tables, constraints, the rules on one record, the database and its migrations."""

from models.base import Base, new_id, organisation_id, utc_now
from models.contact import Contact, Customer
from models.event import Event, EventLog, Outcome
from models.lead import Lead, StageChange
from models.member import Member, Role
from models.organisation import Organisation
from models.pipeline import Pipeline, PipelineType
from models.stage import Stage, StageKind, StageTotal
from models.task import Task, TaskPriority, TaskStatus

__all__ = [
    "Base",
    "Contact",
    "Customer",
    "Event",
    "EventLog",
    "Lead",
    "Member",
    "Organisation",
    "Outcome",
    "Pipeline",
    "PipelineType",
    "Role",
    "Stage",
    "StageChange",
    "StageKind",
    "StageTotal",
    "Task",
    "TaskPriority",
    "TaskStatus",
    "new_id",
    "organisation_id",
    "utc_now",
]
