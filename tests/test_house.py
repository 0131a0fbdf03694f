"""The structure stays as it was designed: imports run one way, folders stay small, public names are documented."""

import ast
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from graphql.pyutils import camel_to_snake

from models.event_types import EventType
from schema.api import graphql_schema

ROOT = Path(__file__).parents[1]
FLOORS = ("models", "engine", "resolvers", "schema", "server")
FILES = sorted(path for floor in FLOORS for path in (ROOT / floor).rglob("*.py") if "node_modules" not in path.parts)


def imports(tree: ast.AST) -> Iterator[tuple[str, ast.AST]]:
    """Each imported module, with the node that imports it."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((name.name, node) for name in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module, node


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_run_one_way(path: Path) -> None:
    """A file imports from its own layer and those below: models, engine, resolvers, schema, server; never from
    tests."""
    floor = FLOORS.index(path.relative_to(ROOT).parts[0])
    forbidden = {*FLOORS[floor + 1 :], "tests", "bench"}
    found = [name for name, _ in imports(ast.parse(path.read_text())) if name.split(".")[0] in forbidden]
    assert found == []


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_import_of_ours_hides_in_a_function(path: Path) -> None:
    """A file's dependencies are listed at its top, if need be under TYPE_CHECKING."""
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
    """Whether it has a docstring, or a GraphQL description, which serves more readers."""
    decorators = [ast.unparse(decorator) for decorator in node.decorator_list]
    described = any("description=" in text or text.startswith("of(EventType.") for text in decorators)
    return described or ast.get_docstring(node) is not None


def test_nothing_is_called_utils() -> None:
    """A name says what a file is about; these names do not."""
    assert [path for path in FILES if path.stem in {"utils", "util", "helpers", "helper", "common", "misc"}] == []


def test_each_mutation_has_its_test_file() -> None:
    """`convertLead` is tested by `test_convert_lead.py`, in exactly one folder."""
    assert graphql_schema.mutation_type is not None
    found = Counter(path.name for path in (ROOT / "tests").rglob("test_*.py"))
    wanted = [f"test_{camel_to_snake(name)}.py" for name in graphql_schema.mutation_type.fields]
    assert {name: found[name] for name in wanted if found[name] != 1} == {}


NOUNLESS = re.compile(
    r"models\.(?:database|timeouts|records|rules\.(?!chance|entering|sharing|stage_kind)\w+|tables\.(?:base|event|merged_record))"
)
"""The modules of models that the engine may use: none is about a noun of the CRM."""

NOUNS = {"lead", "leads", "stage", "stages", "pipeline", "pipelines", "contact", "customer", "opportunity", "owner_id"}


@pytest.mark.parametrize("path", [path for path in FILES if "engine" in path.relative_to(ROOT).parts[:1]], ids=str)
def test_the_engine_knows_no_lead(path: Path) -> None:
    """The engine neither imports nor names a noun of the CRM: `resolvers/domain.py` provides what depends on one."""
    tree = ast.parse(path.read_text())
    imported = [name for name, _ in imports(tree) if name.startswith("models") and not NOUNLESS.fullmatch(name)]
    names = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    names |= {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    assert (imported, names & NOUNS) == ([], set())


def test_rules_know_no_table() -> None:
    """Rules take plain mappings, so they are tested without a database."""
    rules = [path for path in FILES if ROOT / "models" / "rules" in path.parents]
    found = [name for path in rules for name, _ in imports(ast.parse(path.read_text())) if "tables" in name]
    assert rules
    assert found == []


READS = ("resolvers.reads", "resolvers.conditions")


@pytest.mark.parametrize("path", [path for path in FILES if "resolvers" in path.relative_to(ROOT).parts[:1]], ids=str)
def test_what_is_asked_depends_on_nothing_that_is_done(path: Path) -> None:
    """Reads and conditions import no changes."""
    if ".".join(path.relative_to(ROOT).parts).startswith(READS):
        found = [name for name, _ in imports(ast.parse(path.read_text())) if name.startswith("resolvers.changes")]
        assert found == []


def test_rooms_and_files_stay_small() -> None:
    """A folder has at most 15 files, those of tests and what they share included, and a product file 250 lines."""
    tests = (ROOT / "tests").rglob("*.py")
    folders = Counter(path.parent for path in (*FILES, *tests) if path.name != "__init__.py")
    assert {str(folder.relative_to(ROOT)): count for folder, count in folders.items() if count > 15} == {}
    lengths = {str(path.relative_to(ROOT)): len(path.read_text().splitlines()) for path in FILES}
    long = {path for path, length in lengths.items() if length > 250 and "versions" not in path}
    assert long == set()


def test_a_class_name_is_used_once() -> None:
    """Outside the schema, whose types have the names of their models, no two public classes share a name."""
    names = Counter(
        node.name
        for path in FILES
        if path.relative_to(ROOT).parts[0] != "schema"
        for node in ast.parse(path.read_text()).body
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_")
    )
    assert {name for name, count in names.items() if count > 1} == set()


@pytest.mark.parametrize("path", [path for path in FILES if "versions" not in path.parts], ids=str)
def test_names_are_not_logic(path: Path) -> None:
    """Nothing is looked up by name: no `globals()`, and `__name__` only where a person reads it."""
    tree = ast.parse(path.read_text())
    called = [node.func.id for node in ast.walk(tree) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)]
    read = {node.lineno for node in ast.walk(tree) if isinstance(node, ast.Attribute) and node.attr == "__name__"}
    printed = {
        line
        for node in ast.walk(tree)
        if isinstance(node, ast.JoinedStr) or (isinstance(node, ast.Call) and ast.unparse(node.func).startswith("log."))
        for line in range(node.lineno, (node.end_lineno or node.lineno) + 1)
    }
    assert "globals" not in called
    assert read - printed == set()


SPELLED_OUT = re.compile(rf"\b({'|'.join(re.escape(type_) for type_ in EventType)})\b")

NAMING_EVENTS = [path for path in FILES if path.relative_to(ROOT).parts[0] in ("engine", "resolvers", "schema")]


@pytest.mark.parametrize("path", NAMING_EVENTS, ids=str)
def test_types_of_events_are_not_spelled_out(path: Path) -> None:
    """Code names a type by its member of `EventType`, also within SQL, so that a misspelled type fails at import."""
    tree = ast.parse(path.read_text())
    docstrings = {node.value for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    texts = [node for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)]
    assert [node.lineno for node in texts if node not in docstrings and SPELLED_OUT.search(node.value)] == []


TESTS = sorted((ROOT / "tests").rglob("test_*.py"))


@pytest.mark.parametrize("path", TESTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_tests_share_only_support(path: Path) -> None:
    """A test imports `tests.support`, never another test."""
    found = [name for name, _ in imports(ast.parse(path.read_text())) if name.split(".")[0] == "tests"]
    assert [name for name in found if not name.startswith("tests.support")] == []


def test_the_quick_tests_are_there() -> None:
    """`make test-quick` runs the files that tests/quick.txt names; a missing one would end it before it begins."""
    named = (ROOT / "tests" / "quick.txt").read_text().split()
    assert [path for path in named if not (ROOT / path).exists()] == []


def test_locks_name_no_host() -> None:
    """Where packages come from is the configuration of who installs them; a hash says what they are."""
    locks = [
        path
        for path in (*ROOT.glob("*.lock"), *ROOT.glob("*/**/package-lock.json"))
        if "node_modules" not in path.parts
    ]
    assert len(locks) == 5
    assert [path.name for path in locks if "://" in path.read_text()] == []
