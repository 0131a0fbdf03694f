"""What the caller may do with a record: to offer only what will not be refused."""

from collections.abc import Callable
from typing import Any

import strawberry

from engine.publish.fields import read
from models.rules.roles import ASSIGNED_LEAD, ASSIGNED_TASK, CHANGED_ACTIVITY, DELETED_TASK, Own
from resolvers.changes.activities import delete_activity, update_activity
from resolvers.changes.contacts.archive import archive_contact, archive_customer, restore_contact, restore_customer
from resolvers.changes.contacts.create_update import update_contact, update_customer
from resolvers.changes.contacts.merge import merge_contacts, merge_customers, merge_leads
from resolvers.changes.leads.convert import convert_lead
from resolvers.changes.leads.create_update import update_lead
from resolvers.changes.leads.delete import delete_lead
from resolvers.changes.leads.lifecycle import disqualify_lead, qualify_lead, reopen_lead
from resolvers.changes.leads.move import move_lead
from resolvers.changes.ownership.assign import assign_lead
from resolvers.changes.ownership.rules import set_routing_rules
from resolvers.changes.pipelines.delete_stage import delete_stage
from resolvers.changes.pipelines.pipelines import delete_pipeline, update_pipeline
from resolvers.changes.pipelines.stages import add_stage, reorder_stages, update_stage
from resolvers.changes.tasks.complete import complete_task
from resolvers.changes.tasks.create_update import delete_task, update_task
from resolvers.changes.tasks.status import cancel_task, reopen_task
from resolvers.reads import members

ABOUT = "What your role lets you do with it. Whether its present state allows that is another matter."


def right(mutation: Callable[..., Any], description: str, own: Own | None = None) -> Any:
    """A field that says whether the caller may run a mutation."""
    return read(members.may(mutation, own), description)


@strawberry.type(description="What you may do with a lead.")
class LeadRights:
    move: bool = right(move_lead, "Whether you may move it: `moveLead`.")
    edit: bool = right(update_lead, "Whether you may update its fields, other than its owner: `updateLead`.")
    assign: bool = right(
        assign_lead,
        "Whether you may assign it: `assignLead`. Only managers assign leads of others, or to others.",
        ASSIGNED_LEAD,
    )
    delete: bool = right(delete_lead, "Whether you may delete it: `deleteLead`.")
    qualify: bool = right(qualify_lead, "Whether you may qualify it: `qualifyLead`.")
    disqualify: bool = right(disqualify_lead, "Whether you may disqualify it: `disqualifyLead`.")
    convert: bool = right(convert_lead, "Whether you may convert it: `convertLead`.")
    reopen: bool = right(reopen_lead, "Whether you may reopen it: `reopenLead`.")
    merge: bool = right(merge_leads, "Whether you may merge it: `mergeLeads`.")


@strawberry.type(description="What you may do with a task.")
class TaskRights:
    edit: bool = right(update_task, "Whether you may update its fields, other than its assignee: `updateTask`.")
    assign: bool = right(
        update_task,
        "Whether you may assign it: `updateTask`. Only managers assign tasks of others.",
        ASSIGNED_TASK,
    )
    complete: bool = right(complete_task, "Whether you may complete it: `completeTask`.")
    cancel: bool = right(cancel_task, "Whether you may cancel it: `cancelTask`.")
    reopen: bool = right(reopen_task, "Whether you may reopen it: `reopenTask`.")
    delete: bool = right(delete_task, "Whether you may delete it: `deleteTask`.", DELETED_TASK)


@strawberry.type(description="What you may do with an activity.")
class ActivityRights:
    edit: bool = right(update_activity, "Whether you may correct it: `updateActivity`.", CHANGED_ACTIVITY)
    delete: bool = right(delete_activity, "Whether you may delete it: `deleteActivity`.", CHANGED_ACTIVITY)


@strawberry.type(description="What you may do with a contact.")
class ContactRights:
    edit: bool = right(update_contact, "Whether you may update its fields: `updateContact`.")
    archive: bool = right(archive_contact, "Whether you may archive it: `archiveContact`.")
    restore: bool = right(restore_contact, "Whether you may restore it: `restoreContact`.")
    merge: bool = right(merge_contacts, "Whether you may merge it: `mergeContacts`.")


@strawberry.type(description="What you may do with a customer.")
class CustomerRights:
    edit: bool = right(update_customer, "Whether you may update its fields: `updateCustomer`.")
    archive: bool = right(archive_customer, "Whether you may archive it: `archiveCustomer`.")
    restore: bool = right(restore_customer, "Whether you may restore it: `restoreCustomer`.")
    merge: bool = right(merge_customers, "Whether you may merge it: `mergeCustomers`.")


@strawberry.type(description="What you may do with a pipeline.")
class PipelineRights:
    edit: bool = right(update_pipeline, "Whether you may update its fields: `updatePipeline`.")
    delete: bool = right(delete_pipeline, "Whether you may delete it: `deletePipeline`.")
    add_stages: bool = right(add_stage, "Whether you may add stages to it: `addStage`.")
    edit_stages: bool = right(update_stage, "Whether you may update its stages: `updateStage`.")
    reorder_stages: bool = right(reorder_stages, "Whether you may reorder its stages: `reorderStages`.")
    delete_stages: bool = right(delete_stage, "Whether you may delete its stages: `deleteStage`.")
    edit_rules: bool = right(set_routing_rules, "Whether you may set its routing rules: `setRoutingRules`.")
