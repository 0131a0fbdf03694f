"""The root of every change: what can be done."""

import strawberry

import resolvers.changes.activities
import resolvers.changes.contacts.archive
import resolvers.changes.contacts.create_update
import resolvers.changes.contacts.merge
import resolvers.changes.leads.convert
import resolvers.changes.leads.create_update
import resolvers.changes.leads.delete
import resolvers.changes.leads.lifecycle
import resolvers.changes.leads.lost_reasons
import resolvers.changes.leads.move
import resolvers.changes.organisation.members
import resolvers.changes.ownership.assign
import resolvers.changes.ownership.pools
import resolvers.changes.ownership.route
import resolvers.changes.ownership.rules
import resolvers.changes.pipelines.delete_stage
import resolvers.changes.pipelines.pipelines
import resolvers.changes.pipelines.stages
import resolvers.changes.tasks.complete
import resolvers.changes.tasks.create_update
import resolvers.changes.tasks.dependencies
import resolvers.changes.tasks.status
from engine.publish.fields import change
from models.rules.roles import Role
from schema.changes.activities import (
    DeleteActivityInput,
    DeleteActivityPayload,
    LogActivityInput,
    LogActivityPayload,
    UpdateActivityInput,
    UpdateActivityPayload,
)
from schema.changes.assignment import (
    AssignLeadInput,
    AssignLeadPayload,
    AssignLeadsInput,
    AssignLeadsPayload,
    ReassignAllInput,
    ReassignAllPayload,
)
from schema.changes.contacts import (
    CreateContactInput,
    CreateContactPayload,
    CreateCustomerInput,
    CreateCustomerPayload,
    UpdateContactInput,
    UpdateContactPayload,
    UpdateCustomerInput,
    UpdateCustomerPayload,
)
from schema.changes.leads import (
    CreateLeadInput,
    CreateLeadPayload,
    DeleteLeadInput,
    DeleteLeadPayload,
    MoveLeadInput,
    MoveLeadPayload,
    UpdateLeadInput,
    UpdateLeadPayload,
)
from schema.changes.lifecycle import (
    ConvertLeadInput,
    ConvertLeadPayload,
    DisqualifyLeadInput,
    DisqualifyLeadPayload,
    QualifyLeadInput,
    QualifyLeadPayload,
    ReopenLeadInput,
    ReopenLeadPayload,
)
from schema.changes.members import UpdateMemberInput, UpdateMemberPayload
from schema.changes.merge_archive import (
    ArchiveContactInput,
    ArchiveContactPayload,
    ArchiveCustomerInput,
    ArchiveCustomerPayload,
    MergeContactsInput,
    MergeContactsPayload,
    MergeCustomersInput,
    MergeCustomersPayload,
    MergeLeadsInput,
    MergeLeadsPayload,
    RestoreContactInput,
    RestoreContactPayload,
    RestoreCustomerInput,
    RestoreCustomerPayload,
)
from schema.changes.pipelines import (
    CreatePipelineInput,
    CreatePipelinePayload,
    DeletePipelineInput,
    DeletePipelinePayload,
    UpdatePipelineInput,
    UpdatePipelinePayload,
)
from schema.changes.routing import (
    CreatePoolInput,
    CreatePoolPayload,
    DeletePoolInput,
    DeletePoolPayload,
    RouteUnassignedInput,
    RouteUnassignedPayload,
    SetRoutingRulesInput,
    SetRoutingRulesPayload,
    UpdatePoolInput,
    UpdatePoolPayload,
)
from schema.changes.stages import (
    AddStageInput,
    AddStagePayload,
    DeleteStageInput,
    DeleteStagePayload,
    ReorderStagesInput,
    ReorderStagesPayload,
    UpdateStageInput,
    UpdateStagePayload,
)
from schema.changes.task_completion import (
    AddTaskDependencyInput,
    AddTaskDependencyPayload,
    CancelTaskInput,
    CancelTaskPayload,
    CompleteTaskInput,
    CompleteTaskPayload,
    CompleteTasksInput,
    CompleteTasksPayload,
    RemoveTaskDependencyInput,
    RemoveTaskDependencyPayload,
    ReopenTaskInput,
    ReopenTaskPayload,
)
from schema.changes.tasks import (
    CreateTaskInput,
    CreateTaskPayload,
    DeleteTaskInput,
    DeleteTaskPayload,
    ScheduleFollowUpInput,
    ScheduleFollowUpPayload,
    UpdateTaskInput,
    UpdateTaskPayload,
)
from schema.types.lost_reason import SetLostReasonsInput, SetLostReasonsPayload


@strawberry.type(
    description="Everything that can be changed. Each field is one transaction; several run one after the other."
)
class Mutation:
    create_pipeline: CreatePipelinePayload | None = change(
        resolvers.changes.pipelines.pipelines.create_pipeline,
        CreatePipelineInput,
        "Make a pipeline with its stages: a new board.",
        role=Role.ADMIN,
    )
    update_pipeline: UpdatePipelinePayload | None = change(
        resolvers.changes.pipelines.pipelines.update_pipeline,
        UpdatePipelineInput,
        "Rename a pipeline, or make it the default of its type.",
        role=Role.ADMIN,
    )
    delete_pipeline: DeletePipelinePayload | None = change(
        resolvers.changes.pipelines.pipelines.delete_pipeline,
        DeletePipelineInput,
        "Delete an empty pipeline.",
        role=Role.ADMIN,
        own_ids=True,
    )
    add_stage: AddStagePayload | None = change(
        resolvers.changes.pipelines.stages.add_stage,
        AddStageInput,
        "Add a stage to a pipeline: a new column.",
        role=Role.ADMIN,
    )
    update_stage: UpdateStagePayload | None = change(
        resolvers.changes.pipelines.stages.update_stage,
        UpdateStageInput,
        "Change a stage: its name, kind, probability, or when deals in it go stale.",
        role=Role.ADMIN,
    )
    delete_stage: DeleteStagePayload | None = change(
        resolvers.changes.pipelines.delete_stage.delete_stage,
        DeleteStageInput,
        "Delete a stage; its leads move on to another.",
        role=Role.ADMIN,
        own_ids=True,
    )
    reorder_stages: ReorderStagesPayload | None = change(
        resolvers.changes.pipelines.stages.reorder_stages,
        ReorderStagesInput,
        "Put the stages of a pipeline into another order.",
        role=Role.ADMIN,
    )
    create_lead: CreateLeadPayload | None = change(
        resolvers.changes.leads.create_update.create_lead,
        CreateLeadInput,
        "Make a lead.",
        role=Role.REP,
    )
    update_lead: UpdateLeadPayload | None = change(
        resolvers.changes.leads.create_update.update_lead,
        UpdateLeadInput,
        "Change fields of a lead.",
        role=Role.REP,
    )
    delete_lead: DeleteLeadPayload | None = change(
        resolvers.changes.leads.delete.delete_lead,
        DeleteLeadInput,
        "Delete a lead with its history and tasks.",
        role=Role.MANAGER,
        own_ids=True,
    )
    move_lead: MoveLeadPayload | None = change(
        resolvers.changes.leads.move.move_lead,
        MoveLeadInput,
        "Move a lead to another stage, or to another place in its stage.",
        role=Role.REP,
    )
    qualify_lead: QualifyLeadPayload | None = change(
        resolvers.changes.leads.lifecycle.qualify_lead,
        QualifyLeadInput,
        "Find a lead worth working on: it moves to the next open stage of its pipeline.",
        role=Role.REP,
    )
    disqualify_lead: DisqualifyLeadPayload | None = change(
        resolvers.changes.leads.lifecycle.disqualify_lead,
        DisqualifyLeadInput,
        "Find a lead not worth working on: it is closed, with a reason.",
        role=Role.REP,
    )
    reopen_lead: ReopenLeadPayload | None = change(
        resolvers.changes.leads.lifecycle.reopen_lead,
        ReopenLeadInput,
        "Go on with a closed lead: it returns to the open stage it was in last.",
        role=Role.REP,
    )
    create_contact: CreateContactPayload | None = change(
        resolvers.changes.contacts.create_update.create_contact,
        CreateContactInput,
        "Add a person to talk to.",
        role=Role.REP,
    )
    update_contact: UpdateContactPayload | None = change(
        resolvers.changes.contacts.create_update.update_contact,
        UpdateContactInput,
        "Change a person's record.",
        role=Role.REP,
    )
    create_customer: CreateCustomerPayload | None = change(
        resolvers.changes.contacts.create_update.create_customer,
        CreateCustomerInput,
        "Add a company to sell to.",
        role=Role.REP,
    )
    update_customer: UpdateCustomerPayload | None = change(
        resolvers.changes.contacts.create_update.update_customer,
        UpdateCustomerInput,
        "Change a company's record.",
        role=Role.REP,
    )
    convert_lead: ConvertLeadPayload | None = change(
        resolvers.changes.leads.convert.convert_lead,
        ConvertLeadInput,
        "Make an opportunity of a qualified lead, once.",
        role=Role.REP,
    )
    assign_lead: AssignLeadPayload | None = change(
        resolvers.changes.ownership.assign.assign_lead,
        AssignLeadInput,
        "Give a lead to a member, or to nobody.",
        role=Role.REP,
    )
    assign_leads: AssignLeadsPayload | None = change(
        resolvers.changes.ownership.assign.assign_leads,
        AssignLeadsInput,
        "Give several leads to one member, or to nobody.",
        role=Role.REP,
    )
    reassign_all: ReassignAllPayload | None = change(
        resolvers.changes.ownership.assign.reassign_all,
        ReassignAllInput,
        "Give all work of one member to another, for instance when somebody leaves.",
        role=Role.MANAGER,
    )
    update_member: UpdateMemberPayload | None = change(
        resolvers.changes.organisation.members.update_member,
        UpdateMemberInput,
        "Change a member: name, role, time zone, what routing gives them, or that they have left.",
        role=Role.ADMIN,
    )
    create_pool: CreatePoolPayload | None = change(
        resolvers.changes.ownership.pools.create_pool,
        CreatePoolInput,
        "Make a pool of members who share incoming leads.",
        role=Role.ADMIN,
    )
    update_pool: UpdatePoolPayload | None = change(
        resolvers.changes.ownership.pools.update_pool,
        UpdatePoolInput,
        "Change a pool: its name, its members, or how it chooses among them.",
        role=Role.ADMIN,
    )
    delete_pool: DeletePoolPayload | None = change(
        resolvers.changes.ownership.pools.delete_pool,
        DeletePoolInput,
        "Delete a pool.",
        role=Role.ADMIN,
        own_ids=True,
    )
    set_routing_rules: SetRoutingRulesPayload | None = change(
        resolvers.changes.ownership.rules.set_routing_rules,
        SetRoutingRulesInput,
        "Say who gets the leads of a pipeline that nobody works on.",
        role=Role.ADMIN,
    )
    route_unassigned: RouteUnassignedPayload | None = change(
        resolvers.changes.ownership.route.route_unassigned,
        RouteUnassignedInput,
        "Give the open leads of a pipeline that nobody works on to those whom its routing rules name.",
        role=Role.MANAGER,
    )
    schedule_follow_up: ScheduleFollowUpPayload | None = change(
        resolvers.changes.tasks.create_update.schedule_follow_up,
        ScheduleFollowUpInput,
        "Plan the next step of a lead.",
        role=Role.REP,
    )
    create_task: CreateTaskPayload | None = change(
        resolvers.changes.tasks.create_update.create_task,
        CreateTaskInput,
        "Make a task: on a lead, about a contact or customer, part of another task, or on its own.",
        role=Role.REP,
    )
    update_task: UpdateTaskPayload | None = change(
        resolvers.changes.tasks.create_update.update_task,
        UpdateTaskInput,
        "Change fields of a task.",
        role=Role.REP,
    )
    delete_task: DeleteTaskPayload | None = change(
        resolvers.changes.tasks.create_update.delete_task,
        DeleteTaskInput,
        "Delete a task with its subtasks.",
        role=Role.REP,
        own_ids=True,
    )
    complete_task: CompleteTaskPayload | None = change(
        resolvers.changes.tasks.complete.complete_task,
        CompleteTaskInput,
        "Complete a task, and plan the next one in the same step.",
        role=Role.REP,
    )
    complete_tasks: CompleteTasksPayload | None = change(
        resolvers.changes.tasks.complete.complete_tasks,
        CompleteTasksInput,
        "Complete several tasks.",
        role=Role.REP,
    )
    reopen_task: ReopenTaskPayload | None = change(
        resolvers.changes.tasks.status.reopen_task,
        ReopenTaskInput,
        "Take a task up again that was done or cancelled.",
        role=Role.REP,
    )
    cancel_task: CancelTaskPayload | None = change(
        resolvers.changes.tasks.status.cancel_task,
        CancelTaskInput,
        "Give a task up: nobody has to do it any more.",
        role=Role.REP,
    )
    add_task_dependency: AddTaskDependencyPayload | None = change(
        resolvers.changes.tasks.dependencies.add_task_dependency,
        AddTaskDependencyInput,
        "Let a task wait until another is done.",
        role=Role.REP,
    )
    remove_task_dependency: RemoveTaskDependencyPayload | None = change(
        resolvers.changes.tasks.dependencies.remove_task_dependency,
        RemoveTaskDependencyInput,
        "Let a task no longer wait for another.",
        role=Role.REP,
    )
    log_activity: LogActivityPayload | None = change(
        resolvers.changes.activities.log_activity,
        LogActivityInput,
        "Tell of a call, an e-mail or a meeting about a lead, or leave a note.",
        role=Role.REP,
    )
    update_activity: UpdateActivityPayload | None = change(
        resolvers.changes.activities.update_activity,
        UpdateActivityInput,
        "Correct what you told of an activity; a manager can correct anybody's.",
        role=Role.REP,
    )
    delete_activity: DeleteActivityPayload | None = change(
        resolvers.changes.activities.delete_activity,
        DeleteActivityInput,
        "Take back what you told of an activity; a manager can take back anybody's.",
        role=Role.REP,
        own_ids=True,
    )
    set_lost_reasons: SetLostReasonsPayload | None = change(
        resolvers.changes.leads.lost_reasons.set_lost_reasons,
        SetLostReasonsInput,
        "Say which reasons are offered when a lead is lost.",
        role=Role.ADMIN,
    )
    archive_contact: ArchiveContactPayload | None = change(
        resolvers.changes.contacts.archive.archive_contact,
        ArchiveContactInput,
        "Put a contact away: it is not offered any more.",
        role=Role.REP,
    )
    restore_contact: RestoreContactPayload | None = change(
        resolvers.changes.contacts.archive.restore_contact,
        RestoreContactInput,
        "Bring a contact back that was put away.",
        role=Role.REP,
    )
    archive_customer: ArchiveCustomerPayload | None = change(
        resolvers.changes.contacts.archive.archive_customer,
        ArchiveCustomerInput,
        "Put a customer away: it is not offered any more.",
        role=Role.REP,
    )
    restore_customer: RestoreCustomerPayload | None = change(
        resolvers.changes.contacts.archive.restore_customer,
        RestoreCustomerInput,
        "Bring a customer back that was put away.",
        role=Role.REP,
    )
    merge_contacts: MergeContactsPayload | None = change(
        resolvers.changes.contacts.merge.merge_contacts,
        MergeContactsInput,
        "Join one contact into another, because both are the same person.",
        role=Role.MANAGER,
    )
    merge_customers: MergeCustomersPayload | None = change(
        resolvers.changes.contacts.merge.merge_customers,
        MergeCustomersInput,
        "Join one customer into another, because both are the same company.",
        role=Role.MANAGER,
    )
    merge_leads: MergeLeadsPayload | None = change(
        resolvers.changes.contacts.merge.merge_leads,
        MergeLeadsInput,
        "Join one lead into another, because both are the same. Its tasks and activities go along, it leaves the "
        "board, and the timeline of the one that stays tells of both.",
        role=Role.MANAGER,
    )
