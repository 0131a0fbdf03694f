"""The types of events by name, with the descriptions that are published."""

from models.tables.event import Described


class EventType(Described):
    """What can happen: the record's noun and what happened to it, with the description that is published."""

    LEAD_CREATED = "lead.created", "A lead was created."
    LEAD_UPDATED = "lead.updated", "Fields of a lead changed: see `changes`."
    LEAD_ASSIGNED = "lead.assigned", "A lead got another owner, or none."
    LEAD_STAGE_CHANGED = "lead.stage_changed", "A lead entered another stage."
    LEAD_MOVED = "lead.moved", "A card changed its place within its column."
    LEAD_QUALIFIED = "lead.qualified", "A lead was qualified: found worth pursuing. It also enters its next stage."
    LEAD_DISQUALIFIED = "lead.disqualified", "A lead was disqualified: closed as not worth pursuing."
    LEAD_REOPENED = "lead.reopened", "A closed lead was reopened."
    LEAD_CONVERTED = "lead.converted", "A lead was converted into an opportunity."
    LEAD_ROTTEN = (
        "lead.rotten",
        "An open lead went stale: its stage allows so many days without an activity, and no task is planned. Recorded"
        " once for each stay in a stage, soon after it happens.",
    )
    LEAD_SCORE_CROSSED = (
        "lead.score_crossed",
        "The score of a lead entered another band of the scoring rules, or left one for none: once for each crossing.",
    )
    LEAD_MERGED = "lead.merged", "A lead was merged into another lead, because both were the same."
    LEAD_DELETED = "lead.deleted", "A lead was deleted."
    TASK_SCHEDULED = "task.scheduled", "A task was created."
    TASK_UPDATED = "task.updated", "Fields of a task changed: see `changes`."
    TASK_COMPLETED = "task.completed", "A task was completed."
    TASK_CANCELLED = "task.cancelled", "A task was cancelled."
    TASK_REOPENED = "task.reopened", "A completed or cancelled task was reopened."
    TASK_OVERDUE = (
        "task.overdue",
        "A task passed its deadline while still open. Recorded once for each deadline, soon after it passes.",
    )
    TASK_REMINDED = (
        "task.reminded",
        "The assignee of an open task is to be reminded of it: its `remindAt` has come. Recorded once, and again after"
        " the reminder, the due date, the assignee or the status has changed.",
    )
    TASK_DELETED = "task.deleted", "A task was deleted."
    ACTIVITY_LOGGED = "activity.logged", "Somebody logged a call, an e-mail, a meeting or a note."
    ACTIVITY_UPDATED = "activity.updated", "A logged activity was corrected: see `changes`."
    ACTIVITY_DELETED = "activity.deleted", "A logged activity was deleted."
    PIPELINE_CREATED = "pipeline.created", "A pipeline was created."
    PIPELINE_UPDATED = "pipeline.updated", "A pipeline, or its routing or scoring rules, changed."
    PIPELINE_DELETED = "pipeline.deleted", "A pipeline was deleted."
    STAGE_ADDED = "stage.added", "A stage was added to a pipeline."
    STAGE_UPDATED = "stage.updated", "A stage changed."
    STAGE_DELETED = "stage.deleted", "A stage was deleted."
    STAGES_REORDERED = "stages.reordered", "The stages of a pipeline were reordered."
    SCORES_CHANGED = (
        "scores.changed",
        "Leads of a pipeline were scored by its rules and have other scores now: see `leadIds`, at most 500.",
    )
    CONTACT_CREATED = "contact.created", "A contact was created."
    CONTACT_UPDATED = "contact.updated", "A contact changed."
    CONTACT_ARCHIVED = "contact.archived", "A contact was archived."
    CONTACT_RESTORED = "contact.restored", "An archived contact was restored."
    CONTACT_MERGED = "contact.merged", "A contact was merged into another contact, because both were the same."
    CUSTOMER_CREATED = "customer.created", "A customer was created."
    CUSTOMER_UPDATED = "customer.updated", "A customer changed."
    CUSTOMER_ARCHIVED = "customer.archived", "A customer was archived."
    CUSTOMER_RESTORED = "customer.restored", "An archived customer was restored."
    CUSTOMER_MERGED = "customer.merged", "A customer was merged into another customer, because both were the same."
    MEMBER_CREATED = "member.created", "A member was created by an import, as the owner of what it imports."
    MEMBER_UPDATED = "member.updated", "A member changed, was activated or was deactivated."
    POOL_CREATED = "pool.created", "A pool of members who share incoming leads was created."
    POOL_UPDATED = "pool.updated", "A pool changed."
    POOL_DELETED = "pool.deleted", "A pool was deleted."
    ORGANISATION_UPDATED = "organisation.updated", "Settings of your organisation changed."
    FORECAST_SUBMITTED = "forecast.submitted", "Somebody said what a member or a pool will win in a period."
    RUN_ENDED = "run.ended", "A run has ended: it has finished, has failed or was cancelled."
    RUN_RETRIED = "run.retried", "Somebody had a run tried again that had failed."
    IMPORT_FINISHED = "import.finished", "An import of a file into a pipeline has finished."
    WEBHOOK_CREATED = "webhook.created", "A webhook was created."
    WEBHOOK_UPDATED = "webhook.updated", "A webhook changed, was paused, or was enabled: see `changes`."
    WEBHOOK_DELETED = "webhook.deleted", "A webhook was deleted."
    WEBHOOK_TESTED = "webhook.tested", "Somebody had a test request sent to a webhook."
    WEBHOOK_REPLAYED = "webhook.replayed", "Somebody set a webhook back, or had what waited for it sent or skipped."
    WEBHOOK_FAILING = "webhook.failing", "Nothing could be delivered to a webhook for a day, or for three days."
    WEBHOOK_DISABLED = "webhook.disabled", "The server has disabled a webhook; it says why."


OF_LEADS_COUNTED = (
    EventType.LEAD_CREATED,
    EventType.LEAD_UPDATED,
    EventType.LEAD_ASSIGNED,
    EventType.LEAD_STAGE_CHANGED,
    EventType.LEAD_DISQUALIFIED,
    EventType.LEAD_REOPENED,
    EventType.LEAD_CONVERTED,
    EventType.LEAD_MERGED,
    EventType.LEAD_DELETED,
)
"""After these, what reports count of a lead may have changed: where it stands, whose it is, what it is worth, how it
ended. The others come with one of these, or change nothing of it."""
