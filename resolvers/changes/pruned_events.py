"""Which events are deleted once they are old.

What was changed, and by whom, stays in the change log for ever; only places within a column are deleted. Where the
change log is not kept, the events of a lead's timeline are kept with the lead all the same, and the rest is deleted:
events of deleted leads and their history, events of anything but leads, and what leads and stages were by then.
Notifications go with the age of their last event.
"""

from collections.abc import Mapping

from sqlalchemy import text

from engine.read.rows import ORG
from models.database import Statement
from models.event_types import EventType

DELETE_PLACES = Statement(
    text(
        f"""
        DELETE FROM event
        WHERE org_id = :org_id AND number >= :from_number AND number < :to_number AND type = '{EventType.LEAD_MOVED}'
        """
    ).bindparams(ORG)
)
"""Delete events of nothing but a card's place within its column."""

DELETE = Statement(
    text(
        f"""
        DELETE FROM event
        WHERE org_id = :org_id AND number >= :from_number AND number < :to_number AND (
            type = '{EventType.LEAD_MOVED}' OR lead_id IS NULL OR NOT EXISTS (
                SELECT FROM lead WHERE lead.org_id = event.org_id AND lead.id = event.lead_id
            ) AND NOT EXISTS (
                SELECT FROM merged_record AS merged WHERE merged.org_id = event.org_id AND merged.id = event.lead_id
            )
        )
        """
    ).bindparams(ORG)
)
"""Delete what no lead's timeline shows."""

DELETE_OF_GONE_LEADS = Statement(
    text(
        f"""
        DELETE FROM event USING event AS ended
        WHERE ended.org_id = :org_id AND ended.number >= :from_number AND ended.number < :to_number
            AND ended.type = '{EventType.LEAD_DELETED}'
            AND event.org_id = ended.org_id AND event.lead_id = ended.lead_id AND event.number < :from_number
        """
    ).bindparams(ORG)
)
"""Where a lead has been deleted, delete what was kept for its timeline."""

DELETE_GONE_LEADS = tuple(
    Statement(
        text(
            f"""
            DELETE FROM {table} USING event AS ended
            WHERE ended.org_id = :org_id AND ended.number >= :from_number AND ended.number < :to_number
                AND ended.type IN ('{EventType.LEAD_DELETED}', '{EventType.LEAD_MERGED}')
                AND {table}.org_id = :org_id AND {table}.lead_id = ended.lead_id
            """
        ).bindparams(ORG)
    )
    for table in ("stage_change", "gone_lead")
)
"""Delete what is kept of leads that were deleted or merged by then."""

DELETE_NOTIFICATIONS = Statement(
    text(
        """
        DELETE FROM notification WHERE org_id = :org_id AND number >= :from_number AND number < :to_number
        """
    ).bindparams(ORG)
)
"""Delete the notifications whose last event is as old, read or not."""

DELETE_LEAD_SPANS = Statement(
    text(
        """
        DELETE FROM lead_span USING event
        WHERE event.org_id = :org_id AND event.number >= :from_number AND event.number < :to_number
            AND lead_span.org_id = :org_id AND lead_span.lead_id = event.lead_id
            AND lead_span.until_number = event.number
        """
    ).bindparams(ORG)
)
"""Delete what leads were before these events, each of which may have ended a span."""

DELETE_STAGE_SPANS = Statement(
    text(
        """
        DELETE FROM stage_span
        WHERE org_id = :org_id AND until_number >= :from_number AND until_number < :to_number
        """
    ).bindparams(ORG)
)

KNOW_LESS = Statement(
    text(
        """
        UPDATE event_log SET known_from = greatest(known_from, CAST(:to_number AS bigint) - 1)
        WHERE org_id = :org_id AND tail = :from_number AND known_from IS NOT NULL
        """
    ).bindparams(ORG)
)
"""Says from where the spans that are left hold. Runs last, because changes that append to the log wait for this row."""

PRUNE: Mapping[bool, tuple[Statement, ...]] = {
    True: (DELETE_PLACES, DELETE_NOTIFICATIONS),
    False: (
        *(DELETE_LEAD_SPANS, DELETE_STAGE_SPANS),
        *(*DELETE_GONE_LEADS, DELETE_OF_GONE_LEADS, DELETE, DELETE_NOTIFICATIONS),
        KNOW_LESS,
    ),
}
"""The statements in their order, where the change log is kept and where it is not."""
