"""The documentation is complete and leads somewhere: reference pages, links and paths."""

import ast
import re
from pathlib import Path

import pytest

from engine.errors import Code
from server.process.reference import PAGES
from server.settings import Settings
from server.transport.close_codes import CLOSE_CODES

ROOT = Path(__file__).parents[1]
DOCS = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md"))]
SOURCES = sorted((ROOT / "server").rglob("*.py"))


@pytest.mark.parametrize("name", PAGES)
def test_reference_pages_are_current(name: str) -> None:
    """`make docs` writes what is committed."""
    assert (ROOT / "docs" / name).read_text() == PAGES[name](), f"docs/{name} is stale: run `make docs`"


def test_every_setting_and_code_is_explained() -> None:
    """None is without a description."""
    assert [name for name, field in Settings.model_fields.items() if not field.description] == []
    assert [code for code in Code if not code.description] == []


def test_every_close_code_is_listed() -> None:
    """Each number that a socket is closed with has its meaning."""
    closed = {
        argument.value
        for path in SOURCES
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and ast.unparse(node.func).split(".")[-1] in ("Closing", "Ending", "close")
        for argument in node.args[:1]
        if isinstance(argument, ast.Constant) and isinstance(argument.value, int)
    }
    assert closed <= CLOSE_CODES.keys()


@pytest.mark.parametrize("path", DOCS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_somewhere(path: Path) -> None:
    """Each relative link names a file, and each path in backticks that looks like one of ours does."""
    text = re.sub(r"```.*?```", "", path.read_text(), flags=re.DOTALL)
    links = [link.partition("#")[0] for link in re.findall(r"\]\(([^)\s]+)\)", text) if "://" not in link]
    assert [link for link in links if link and not (path.parent / link).exists()] == []
    ours = r"`((?:models|engine|resolvers|schema|server|tests|docs|bench|examples)/[\w./-]+\.\w+)`"
    assert [name for name in re.findall(ours, text) if not (ROOT / name).exists()] == []
