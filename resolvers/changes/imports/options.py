"""Where an import goes, and how it treats what is missing."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from uuid import UUID

from models.tables.base import organisation_id
from models.tables.pipeline import PipelineType


class ImportFailed(Exception):
    """The whole file cannot be imported; the message says what to do."""


@dataclass(frozen=True)
class Import:
    """The target and options of an import. `stages` gives the order of missing stages, `won` and `lost` their kinds."""

    organisation: str
    pipeline: str
    type: PipelineType = PipelineType.OPPORTUNITY
    stages: Sequence[str] = ()
    won: Collection[str] = ()
    lost: Collection[str] = ()
    create_missing: bool = False
    dry_run: bool = False
    again: bool = False
    """Whether lines without an external id are imported again that an earlier import of the same file has imported."""

    by: str | None = None
    """The member who imports, by name or e-mail address, for the log."""

    @property
    def org_id(self) -> UUID:
        """The organisation's id."""
        return organisation_id(self.organisation)
