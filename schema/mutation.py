"""The root type of changes: the mutations of each noun, which are declared beside their inputs."""

import strawberry

from schema.changes.activities import ActivityMutations
from schema.changes.assignment import AssignmentMutations
from schema.changes.contacts import ContactMutations
from schema.changes.leads import LeadMutations
from schema.changes.lifecycle import LifecycleMutations
from schema.changes.members import MemberMutations, OrganisationMutations
from schema.changes.merge_archive import MergeAndArchiveMutations
from schema.changes.pipelines import PipelineMutations
from schema.changes.routing import RoutingMutations
from schema.changes.runs import RunMutations
from schema.changes.stages import StageMutations
from schema.changes.task_completion import TaskCompletionMutations
from schema.changes.tasks import TaskMutations
from schema.changes.webhooks import WebhookMutations
from schema.forecast.categories import ForecastCategoryMutations
from schema.forecast.exchange_rates import ExchangeRateMutations
from schema.forecast.quotas import QuotaMutations
from schema.inbox.changes import NotificationMutations
from schema.scoring.changes import ScoringMutations
from schema.types.lost_reason import LostReasonMutations


@strawberry.type(
    description="Everything that can be changed. Each field is one transaction; several run one after another."
)
class Mutation(
    PipelineMutations,
    StageMutations,
    LeadMutations,
    LifecycleMutations,
    ContactMutations,
    AssignmentMutations,
    MemberMutations,
    RoutingMutations,
    TaskMutations,
    TaskCompletionMutations,
    ActivityMutations,
    LostReasonMutations,
    MergeAndArchiveMutations,
    RunMutations,
    NotificationMutations,
    WebhookMutations,
    OrganisationMutations,
    ForecastCategoryMutations,
    ExchangeRateMutations,
    QuotaMutations,
    ScoringMutations,
):
    pass
