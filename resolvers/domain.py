"""The CRM as the engine knows it."""

from engine.domain import Domain
from resolvers.changes.current_ids import current_ids
from resolvers.changes.organisation.access import find_revoked
from resolvers.changes.organisation.membership import expect_member
from resolvers.changes.pruned_events import PRUNE
from resolvers.changes.settle import settle
from resolvers.reads.events.news import NEWS

CRM = Domain(
    expect_member=expect_member,
    find_revoked=find_revoked,
    current_ids=current_ids,
    settle=settle,
    news=NEWS,
    prune=PRUNE,
)
