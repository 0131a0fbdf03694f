"""What readers follow: the event log, or what a consumer makes from it."""

from dataclasses import dataclass

from models.database import Statement


@dataclass(frozen=True, eq=False)
class Followed:
    """What a reader follows: numbered rows of an organisation, in the order of their commits.

    - `news`: the rows after `position`, at most `size`: `number`, `occurred_at`, and what selections look at.
    - `present`: the number up to which there are rows now, as `head`.
    - `heads`: the numbers of the last rows of several organisations.
    - `gapless`: whether no number is missing between them.
    - `bounds`: the `tail` from which on all are kept, and the `head`; without it, they are those of the event log.
    """

    news: Statement
    present: Statement
    heads: Statement
    gapless: bool = True
    bounds: Statement | None = None
