"""The docs on Citus distribute every table, each by its organisation and after the tables that it refers to."""

import re
from pathlib import Path

from models import Base

DOCS = Path(__file__).parents[2] / "docs" / "operating" / "citus.md"

DISTRIBUTED = re.compile(
    r"^SELECT create_distributed_table\('(\w+)', '(\w+)'(, colocate_with => 'organisation')?\);$", re.MULTILINE
)


def test_every_table_is_distributed() -> None:
    """By `org_id`, beside its organisation, which is distributed by its own id."""
    tables = {table.name for table in Base.metadata.sorted_tables}
    found = DISTRIBUTED.findall(DOCS.read_text())
    assert [name for name, *_ in found if name not in tables] == []
    assert {name for name, *_ in found} == tables
    assert len(found) == len(tables)
    for name, column, beside in found:
        assert (column, bool(beside)) == (("id", False) if name == "organisation" else ("org_id", True)), name
        assert column in Base.metadata.tables[name].c


def test_parents_come_first() -> None:
    """A foreign key can be distributed only to a table that is."""
    order = [name for name, *_ in DISTRIBUTED.findall(DOCS.read_text())]
    for table in Base.metadata.sorted_tables:
        for key in table.foreign_keys:
            assert order.index(key.column.table.name) <= order.index(table.name)


def test_each_key_holds_the_organisation() -> None:
    """A unique key or a foreign key without it could not be kept on one shard."""
    for table in Base.metadata.sorted_tables:
        column = "id" if table.name == "organisation" else "org_id"
        assert column in table.primary_key.columns, table.name
        for index in table.indexes:
            assert not index.unique or column in index.columns, index.name
