"""The CRM as the engine knows it."""

from engine.domain import Domain
from resolvers.changes.current_ids import current_ids
from resolvers.changes.leads.rotten import ROTTEN
from resolvers.changes.organisation.access import find_restricted
from resolvers.changes.organisation.membership import expect_member, sign_in
from resolvers.changes.pruned_events import PRUNE
from resolvers.changes.runs import WORK, run_ended
from resolvers.changes.scoring.rescoring import RESCORED
from resolvers.changes.settle import settle
from resolvers.changes.spans.beside import beside
from resolvers.changes.tasks.day_reminders import DAY_REMINDER_TIMES
from resolvers.changes.tasks.overdue import OVERDUE
from resolvers.changes.tasks.reminders import DAY_REMINDERS, REMINDERS
from resolvers.reactions.notify import NOTIFICATIONS
from resolvers.reactions.score import SCORES
from resolvers.reads.events.news import KNOWN, NEWS
from resolvers.reads.stage_totals import is_large

CRM = Domain(
    sign_in=sign_in,
    expect_member=expect_member,
    find_restricted=find_restricted,
    restricts={"update_member"},
    current_ids=current_ids,
    is_large=is_large,
    settle=settle,
    beside=beside,
    work=WORK,
    by_time=(OVERDUE, REMINDERS, DAY_REMINDER_TIMES, DAY_REMINDERS, ROTTEN, RESCORED),
    run_ended=run_ended,
    consumers=(NOTIFICATIONS, SCORES),
    news=NEWS,
    known=KNOWN,
    prune=PRUNE,
)
