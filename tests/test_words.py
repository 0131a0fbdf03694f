"""The words of the glossary are used: those that a native reader stumbles over do not return."""

import io
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

BANNED = {
    r"\b(?:tells?|told|telling)\b": "describes, reports, says, records",
    r"\blets? (?:it |them |all |nothing |none |everything )?through\b": "matches",
    r"\bwhat came of\b": "Result of `x`",
    r"\bput(?:s|ting)? away\b": "archived",
    r"\bone (?:talks|sells) to\b": "the person you deal with; the company you sell to",
    r"\bis so or not so\b": "is true or false",
    r"\bwho(?:m|s)?(?:so)?ever\b": "anyone who, the member who",
    r"\bmay no longer ask\b": "access was revoked",
    r"\b(?:is|are|was|were|be) let go\b": "disconnected",
    r"\bput into another order\b": "reordered",
}
"""A pattern, and what to write instead."""

FOLDERS = ("models", "engine", "resolvers", "schema", "server", "bench", "docs", "examples", "tests")
TOP = ("README.md", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md", "Makefile", "schema.graphql", "pyproject.toml")
SKIPPED = {"node_modules", "dist", "versions", "__pycache__"}


def files() -> Iterator[Path]:
    """Every file that people read."""
    for folder in FOLDERS:
        for path in (ROOT / folder).rglob("*"):
            if path.suffix in {".py", ".md", ".graphql", ".ts", ".js", ".jsx"} and not SKIPPED & set(path.parts):
                yield path
    yield from (ROOT / name for name in TOP if (ROOT / name).exists())


FILES = sorted(path for path in files() if path != Path(__file__))


def prose(path: Path) -> Iterator[tuple[int, str]]:
    """The lines that people read: of Python files, only strings and comments."""
    text = path.read_text()
    if path.suffix != ".py":
        yield from enumerate(text.splitlines(), 1)
        return
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type in (tokenize.STRING, tokenize.COMMENT):
            yield from enumerate(token.string.splitlines(), token.start[0])


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_banned_word_is_used(path: Path) -> None:
    """No line of prose, published or not, has a word that the glossary replaces."""
    found = [
        f"line {line}: {match[0]!r}, say: {instead}"
        for line, text in prose(path)
        for pattern, instead in BANNED.items()
        for match in re.finditer(pattern, text, re.IGNORECASE)
    ]
    assert found == []


@pytest.mark.parametrize(
    "text", ["What this lets through.", "It was put away.", "whoever asks", "an event tells of it", "Told by Rita."]
)
def test_a_banned_word_would_be_noticed(text: str) -> None:
    """Each of the patterns' targets is matched."""
    assert any(re.search(pattern, text, re.IGNORECASE) for pattern in BANNED)
