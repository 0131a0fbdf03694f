"""The house stands as it was designed: imports run one way, and what is public says what it does."""

import ast
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from graphql.pyutils import camel_to_snake

from schema.api import graphql_schema

ROOT = Path(__file__).parents[1]
FLOORS = ("models", "engine", "resolvers", "schema", "server")
FILES = sorted(path for floor in FLOORS for path in (ROOT / floor).rglob("*.py") if "node_modules" not in path.parts)


def imports(tree: ast.AST) -> Iterator[tuple[str, ast.AST]]:
    """Every module that is imported, with the node that does it."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((name.name, node) for name in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module, node


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_run_one_way(path: Path) -> None:
    """A file imports from its own floor and those below: models, resolvers, schema, server; never from tests."""
    floor = FLOORS.index(path.relative_to(ROOT).parts[0])
    forbidden = {*FLOORS[floor + 1 :], "tests", "bench"}
    found = [name for name, _ in imports(ast.parse(path.read_text())) if name.split(".")[0] in forbidden]
    assert found == []


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_import_of_ours_hides_in_a_function(path: Path) -> None:
    """What a file depends on stands at its top, or under TYPE_CHECKING there."""
    tree = ast.parse(path.read_text())
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    hidden = [name for function in functions for name, _ in imports(function) if name.split(".")[0] in FLOORS]
    assert hidden == []


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_public_names_are_explained(path: Path) -> None:
    """Every module, public class and public function has a docstring."""
    tree = ast.parse(path.read_text())
    missing = [] if ast.get_docstring(tree) else ["the module itself"]
    if "versions" not in path.parts:
        for node in tree.body:
            is_definition = isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
            if is_definition and not node.name.startswith("_") and not _described(node):
                missing.append(node.name)
    assert missing == []


def _described(node: ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    """Whether it has a docstring, or a GraphQL description, which says the same to more readers."""
    decorators = [ast.unparse(decorator) for decorator in node.decorator_list]
    described = any("description=" in text or text.startswith("of(EventType.") for text in decorators)
    return described or ast.get_docstring(node) is not None


def test_nothing_is_called_utils() -> None:
    """A name says what a file is about; these names say nothing."""
    assert [path for path in FILES if path.stem in {"utils", "util", "helpers", "helper", "common", "misc"}] == []


def test_each_mutation_has_its_test_file() -> None:
    """`convertLead` is tested by `test_convert_lead.py`, in exactly one folder."""
    assert graphql_schema.mutation_type is not None
    found = Counter(path.name for path in (ROOT / "tests").rglob("test_*.py"))
    wanted = [f"test_{camel_to_snake(name)}.py" for name in graphql_schema.mutation_type.fields]
    assert {name: found[name] for name in wanted if found[name] != 1} == {}
