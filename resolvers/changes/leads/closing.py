"""What becomes of leads that move on together when their stage is deleted: how they are closed or opened."""

STAYS_LOST = """(
    CAST(:kind AS text) = 'LOST' OR (CAST(:kind AS text) = 'OPEN' AND disqualified_at IS NOT NULL)
)"""

CLOSING = f"""
    closed_at = CASE
        WHEN CAST(:kind AS text) = 'OPEN'
            THEN CASE WHEN disqualified_at IS NOT NULL OR converted_at IS NOT NULL THEN closed_at END
        WHEN CAST(:from_kind AS text) = CAST(:kind AS text)
            OR (CAST(:kind AS text) = 'LOST' AND disqualified_at IS NOT NULL)
            THEN coalesce(closed_at, clock.now)
        ELSE clock.now
    END,
    lost_reason = CASE WHEN {STAYS_LOST} THEN lost_reason END,
    disqualified_at = CASE WHEN CAST(:kind AS text) <> 'WON' THEN disqualified_at END
"""
"""Closed where deals end, open elsewhere. One that stays won or lost stays closed since when it was; what was
disqualified or converted is not reopened. The statement has `CLOCK` in its FROM."""
