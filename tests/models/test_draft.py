"""The next migration is drafted from the models, and applying its SQL leaves no difference."""

from collections.abc import AsyncIterator
from pathlib import Path
from shutil import copy
from urllib.parse import urlsplit

import asyncpg
import pytest
from sqlalchemy import CheckConstraint, Column, ForeignKeyConstraint, Index, Table, Text, Uuid

from models import Base
from models.migrations import draft as drafting
from models.migrations.draft import VERSIONS, NoDraft, differences, draft


@pytest.fixture
async def url(postgres_url: str) -> AsyncIterator[str]:
    """A database without tables."""
    connection = await asyncpg.connect(postgres_url)
    try:
        await connection.execute("DROP DATABASE IF EXISTS draft_test")
        await connection.execute("CREATE DATABASE draft_test")
        yield urlsplit(postgres_url)._replace(path="/draft_test").geturl()
        await connection.execute("DROP DATABASE draft_test WITH (FORCE)")
    finally:
        await connection.close()


@pytest.fixture
def versions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of the migrations, all of them released."""
    for path in VERSIONS.glob("[0-9]*.py"):
        copy(path, tmp_path)
    monkeypatch.setattr(drafting, "released", lambda: {path.name: "" for path in VERSIONS.glob("[0-9]*.py")})
    return tmp_path


def names(folder: Path) -> list[str]:
    """The files of a folder."""
    return sorted(path.name for path in folder.iterdir())


async def test_there_is_nothing_to_draft(url: str, versions: Path) -> None:
    """The migrations cover all of the models, so no file is written."""
    before = names(versions)
    with pytest.raises(NoDraft, match="change the models first"):
        await draft(url, "add_campaign", versions)
    assert names(versions) == before


@pytest.mark.parametrize("name", ["", "Add", "add-campaign", "1st", "../campaign"])
async def test_a_name_is_a_word(url: str, versions: Path, name: str) -> None:
    """Other names are refused before anything is compared."""
    with pytest.raises(NoDraft, match="use lower-case letters"):
        await draft(url, name, versions)


async def test_a_new_table_and_a_new_column(url: str, versions: Path) -> None:
    """Tables come first, then columns, foreign keys and indexes, and the draft's statements remove the difference."""
    lead = Base.metadata.tables["lead"]
    columns = lead._columns
    column = Column("motto", Text(), server_default='a "b"')
    campaign = Table(
        "campaign",
        Base.metadata,
        Column("org_id", Uuid(), primary_key=True),
        Column("name", Text(), nullable=False),
        ForeignKeyConstraint(["org_id"], ["organisation.id"], ondelete="CASCADE"),
        CheckConstraint("char_length(name) > 0", name="name"),
        Index("campaign_name_idx", "org_id", "name"),
    )
    try:
        lead.append_column(column)
        path = await draft(url, "add_campaign", versions)
        text = path.read_text()
        statements = []
        exec(compile(text.replace("from alembic import op", ""), path, "exec"), made := {"op": Recorder(statements)})
        made["upgrade"]()
        connection = await asyncpg.connect(url)
        for statement in statements:
            await connection.execute(statement)
        await connection.close()
        assert await differences(url) == []
    finally:
        Base.metadata.remove(campaign)
        columns.remove(column)
    newest = max(path.name for path in VERSIONS.glob("[0-9]*.py"))[:4]
    assert path.name == f"{int(newest) + 1:04}_add_campaign.py"
    assert f'down_revision = "{newest}"' in text
    assert [" ".join(statement.split()[:2]) for statement in statements] == [
        "CREATE TABLE",
        "ALTER TABLE",
        "ALTER TABLE",
        "CREATE INDEX",
    ]
    with pytest.raises(NoDraft, match="is not released yet"):
        await draft(url, "again", versions)


class Recorder:
    """Takes the place of alembic's operations."""

    def __init__(self, statements: list[str]) -> None:
        self.execute = statements.append
