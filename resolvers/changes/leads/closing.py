"""What becomes of leads that move on together when their stage is deleted: how they are closed or opened."""

CLOSING = """
    closed_at = CASE
        WHEN CAST(:kind AS text) = 'OPEN'
            THEN CASE WHEN disqualified_at IS NOT NULL OR converted_at IS NOT NULL THEN closed_at END
        WHEN CAST(:from_kind AS text) = CAST(:kind AS text)
            OR (CAST(:kind AS text) = 'LOST' AND disqualified_at IS NOT NULL)
            THEN coalesce(closed_at, clock.now)
        ELSE clock.now
    END,
    lost_reason = CASE
        WHEN CAST(:kind AS text) = 'LOST' THEN coalesce(lost_reason, CAST(:lost_reason AS text))
        WHEN CAST(:kind AS text) = 'OPEN' AND disqualified_at IS NOT NULL THEN lost_reason
    END,
    disqualified_at = CASE WHEN CAST(:kind AS text) <> 'WON' THEN disqualified_at END
"""
"""Closed where deals end, open elsewhere. One that stays won or lost stays closed since when it was; what was
disqualified or converted is not reopened, and what was lost keeps its reason. The statement has `CLOCK` in its FROM."""
