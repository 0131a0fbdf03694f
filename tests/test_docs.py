"""The documentation is complete and its references lead somewhere: pages, links and paths."""

import ast
import re
from pathlib import Path

import pytest

from engine.errors import Code
from models.rules.refusal import Refusal
from server.observe.metrics import Metrics
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
    """Each setting and each code has a description."""
    assert [name for name, field in Settings.model_fields.items() if not field.description] == []
    assert [code for code in Code if not code.description] == []


def test_every_close_code_is_listed() -> None:
    """Each code that the server closes a socket with has its meaning, and no other code is listed."""
    closed = {
        node.value
        for path in SOURCES
        if path.name != "close_codes.py"
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Constant)
        and type(node.value) is int
        and (1000 < node.value < 1016 or node.value > 4399)
        if node.value < 5000
    }
    assert closed == CLOSE_CODES.keys()


def test_every_metric_is_listed() -> None:
    """Each metric of `/metrics` has its row, with its type and its help."""
    rows = (ROOT / "docs" / "metrics.md").read_text().splitlines()
    for metric in Metrics().registry.collect():
        name = f"{metric.name}_total" if metric.type == "counter" else metric.name
        (row,) = [row for row in rows if row.startswith(f"| `{name}` |")]
        assert f"| {metric.type} |" in row
        assert row.endswith(f"| {metric.documentation} |")


def test_every_code_and_setting_has_its_row() -> None:
    """Each code of `errors` and `userErrors` and each setting is the first cell of a row."""
    text = (ROOT / "docs" / "errors.md").read_text() + (ROOT / "docs" / "settings.md").read_text()
    first = set(re.findall(r"^\| `(\w+)` \|", text, flags=re.MULTILINE))
    assert first == {*Code, *Refusal, *(f"DEALBOARD_{name.upper()}" for name in Settings.model_fields)}


@pytest.mark.parametrize("path", DOCS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_somewhere(path: Path) -> None:
    """Each relative link names a file, and so does each path in backticks that looks like one of the repository."""
    text = re.sub(r"```.*?```", "", path.read_text(), flags=re.DOTALL)
    links = [link.partition("#")[0] for link in re.findall(r"\]\(([^)\s]+)\)", text) if "://" not in link]
    assert [link for link in links if link and not (path.parent / link).exists()] == []
    ours = r"`((?:models|engine|resolvers|schema|server|tests|docs|bench|examples)/[\w./-]+\.\w+)`"
    assert [name for name in re.findall(ours, text) if not (ROOT / name).exists()] == []
