"""A released migration never changes; an addition comes after it, and is a single file until it is released."""

import hashlib
import re
from pathlib import Path

import pytest

from models.migrations.draft import RELEASED, VERSIONS, released

FILES = sorted(path for path in VERSIONS.glob("*.py"))
RELEASE = f"to release it, run: cd {VERSIONS.name} && sha256sum {{}} >> ../{RELEASED.name}"


@pytest.mark.parametrize("name", released())
def test_a_released_migration_never_changes(name: str) -> None:
    """Databases have run it as it was, so the next migration makes the change (`make migration name=…`)."""
    assert hashlib.sha256((VERSIONS / name).read_bytes()).hexdigest() == released()[name]


def test_only_the_newest_migration_is_not_released() -> None:
    """Every migration is listed, in order, except at most the last one."""
    names = [path.name for path in FILES]
    assert names[: len(released())] == list(released())
    open_ones = names[len(released()) :]
    assert len(open_ones) <= 1, RELEASE.format(" ".join(open_ones))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_a_file_is_named_by_its_place(path: Path) -> None:
    """`NNNN_name.py` holds the revision NNNN, which follows the one before: the chain has no gap and no branch."""
    place = FILES.index(path) + 1
    before = f'"{place - 1:04}"' if place > 1 else "None"
    assert re.fullmatch(rf"{place:04}_[a-z][a-z0-9_]*\.py", path.name)
    text = path.read_text()
    assert re.findall(r"^(?:down_)?revision = (.+)$", text, re.MULTILINE) == [f'"{place:04}"', before]
