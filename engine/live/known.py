"""The records that subscriptions name: one that nobody has ever heard of would be silent for ever."""

from collections import OrderedDict
from collections.abc import Mapping
from uuid import UUID

from engine.errors import Code, refusal
from engine.live.patience import patiently
from models.database import Database, Row, Statement
from models.rules.ids import public_id

REMEMBERED = 10_000
"""Records that a process remembers to be known. Many subscribe to the same, and to the same again."""

Named = Mapping[str, tuple[str, UUID]]
"""The records that a subscription names, each by its argument: the prefix of its public id, and its id."""


class KnownRecords:
    """The records that are there, or that the event log knows, as far as they were asked for."""

    def __init__(self, database: Database, known: Statement) -> None:
        self.database = database
        self.known = known
        self._remembered: OrderedDict[tuple[UUID, str, UUID], None] = OrderedDict()

    async def expect(self, org_id: UUID, named: Named) -> None:
        """Refuse, with NOT_FOUND, a record that neither the organisation nor its event log knows."""
        asked = [one for one in named.values() if (org_id, *one) not in self._remembered]
        if not asked:
            return
        found = {(row["prefix"], row["id"]) for row in await patiently(lambda: self._find(org_id, asked))}
        for argument, (prefix, id_) in named.items():
            if (prefix, id_) in asked and (prefix, id_) not in found:
                raise refusal(
                    Code.NOT_FOUND,
                    f"{argument}: your organisation has no {prefix} {public_id(prefix, id_)}, and never had. Check the"
                    " id.",
                )
        self._remembered.update(dict.fromkeys((org_id, *one) for one in asked))
        while len(self._remembered) > REMEMBERED:
            self._remembered.popitem(last=False)

    async def _find(self, org_id: UUID, asked: list[tuple[str, UUID]]) -> list[Row]:
        prefixes, ids = [prefix for prefix, _ in asked], [id_ for _, id_ in asked]
        async with self.database.acquire() as connection:
            return await self.known.all(connection, org_id=org_id, prefixes=prefixes, ids=ids)
