"""Documents are parsed and validated once, the operation is chosen, and refusals say why."""

import re

import pytest
from graphql import build_schema

from engine.documents import LONGEST_TEXT, Documents
from engine.errors import LONGEST_MESSAGE, RequestError, format_errors
from engine.limits import Limits

SCHEMA = build_schema("type Query { a: Query s(x: Int): Int } type Mutation { m: Int } type Subscription { e: Int }")


@pytest.fixture
def documents() -> Documents:
    return Documents(SCHEMA, Limits(), size=10)


def refused(documents: Documents, text: str, name: str | None = None) -> tuple[str, str]:
    with pytest.raises(RequestError) as caught:
        documents.prepare(text, name)
    assert all(found.extensions and found.extensions["code"] for found in caught.value.errors)
    return caught.value.code, str(format_errors(caught.value.errors)[0]["message"])


@pytest.mark.parametrize(
    ("text", "kind"), [("{ s }", "query"), ("mutation { m }", "mutation"), ("subscription { e }", "subscription")]
)
def test_the_kind_of_an_operation_is_known(documents: Documents, text: str, kind: str) -> None:
    """A prepared document knows the kind of its operation, and holds it."""
    prepared = documents.prepare(text)
    assert prepared.kind == kind
    assert prepared.operation in prepared.document.definitions


def test_the_same_text_is_the_same_object(documents: Documents) -> None:
    """Plans are kept by the prepared object: a text and a name always give the same one; an empty name is no name."""
    prepared = documents.prepare("{ s }")
    assert documents.prepare("{ s }") is prepared
    assert documents.prepare("{ s }", "") is prepared
    assert documents.prepare("{ s  }") is not prepared
    assert len({prepared, documents.prepare("{ s }", None)}) == 1


def test_the_operation_is_chosen_by_name(documents: Documents) -> None:
    """Of several operations the named one is chosen."""
    text = "query A { s } mutation B { m }"
    assert documents.prepare(text, "A").kind == "query"
    assert documents.prepare(text, "B").kind == "mutation"


@pytest.mark.parametrize(
    ("text", "name", "said"),
    [
        ("query A { s } query B { s }", None, '2 operations: send the name of one as operationName. It has "A", "B"'),
        ("query A { s }", "C", 'no operation "C"; it has "A"'),
        ("{ s }", "C", 'no operation "C"; it has one without a name'),
        ("query A { s }", "a", 'no operation "a"'),
    ],
)
def test_an_operation_that_is_not_there(documents: Documents, text: str, name: str | None, said: str) -> None:
    """An operation without a match is refused, never guessed."""
    code, message = refused(documents, text, name)
    assert code == "OPERATION_RESOLUTION_FAILURE"
    assert said in message


@pytest.mark.parametrize(
    ("text", "code", "said"),
    [
        ("", "GRAPHQL_PARSE_FAILED", "Unexpected <EOF>"),
        ("{", "GRAPHQL_PARSE_FAILED", "Expected"),
        ("{ s \0 }", "GRAPHQL_PARSE_FAILED", "U+0000"),
        ('{ s(x: "\\ud800") }', "GRAPHQL_PARSE_FAILED", "Invalid Unicode"),
        ("{ s \ud800 }", "GRAPHQL_PARSE_FAILED", "U+D800"),
        ("{ t }", "GRAPHQL_VALIDATION_FAILED", "Cannot query field 't' on type 'Query'"),
        ('{ s(x: "one") }', "GRAPHQL_VALIDATION_FAILED", "Int cannot represent"),
        ("fragment A on Query { s }", "GRAPHQL_VALIDATION_FAILED", "never used"),
        ("type T { a: Int }", "GRAPHQL_VALIDATION_FAILED", "not executable"),
        ("{ ...A } fragment A on Query { ...A }", "GRAPHQL_VALIDATION_FAILED", "within itself"),
        ("{ " + "a { " * 15 + "s" + " }" * 16, "TOO_DEEP", "16 levels deep; the limit is 15"),
        ("{ " + "a { " * 500 + "s" + " }" * 501, "TOO_DEEP", "nested too deeply"),
        ("{ a { " + "s " * 1300 + "} }", "TOO_MANY_TOKENS", "more than 1,200 tokens"),
        ("#\n" * 1300 + "{ s }", "TOO_MANY_TOKENS", "DEALBOARD_MAX_TOKENS"),
        ("{ " + " ".join(f"a{i}: s" for i in range(300)) + " }", "TOO_MANY_ALIASES", "300 aliases"),
        ("{ s" + " " * LONGEST_TEXT + "}", "TOO_LONG", "100,004 characters"),
    ],
)
def test_a_document_that_is_refused(documents: Documents, text: str, code: str, said: str) -> None:
    """Each refusal has its code and its reason, and is served from memory the second time."""
    first = refused(documents, text)
    assert first[0] == code
    assert said in first[1]
    assert refused(documents, text) == first


def test_errors_say_where(documents: Documents) -> None:
    """Errors have the line and column of the mistake."""
    with pytest.raises(RequestError) as caught:
        documents.prepare("{\n  t\n}")
    assert format_errors(caught.value.errors)[0]["locations"] == [{"line": 2, "column": 3}]


def test_a_long_value_is_not_sent_back(documents: Documents) -> None:
    """graphql-core quotes the value it was sent; the client gets only the beginning of it."""
    _, message = refused(documents, '{ s(x: "' + "y" * 50_000 + '") }')
    assert len(message) < LONGEST_MESSAGE + 50


def test_a_thousand_mistakes_are_not_all_listed(documents: Documents) -> None:
    """The list of errors is cut at its limit."""
    with pytest.raises(RequestError) as caught:
        documents.prepare("{ a { " + " ".join(f"z{i}" for i in range(500)) + " } }")
    assert len(caught.value.errors) <= 21


def test_the_oldest_document_is_forgotten(documents: Documents) -> None:
    """The cache is bounded by count, and keeps the documents that were used last."""
    kept = documents.prepare("{ s }")
    gone = documents.prepare("{ a { s } }")
    for i in range(9):
        documents.prepare(f"query Q{i} {{ s }}")
        documents.prepare("{ s }")
    assert documents.prepare("{ s }") is kept
    assert documents.prepare("{ a { s } }") is not gone


def test_long_documents_are_forgotten_sooner(documents: Documents) -> None:
    """The cache is also bounded by the length of its texts, so long documents do not fill the memory."""
    first = documents.prepare("{ s }")
    for i in range(4):
        documents.prepare("{ s }" + " " * (LONGEST_TEXT - 10) + str(i).replace(str(i), "," * i))
    assert documents.prepare("{ s }") is not first


def test_refused_documents_do_not_push_out_valid_ones(documents: Documents) -> None:
    """A stream of invalid documents leaves the applications' documents in the cache."""
    kept = documents.prepare("{ s }")
    for i in range(50):
        refused(documents, f"{{ nonsense{i} }}")
    assert documents.prepare("{ s }") is kept


@pytest.mark.parametrize(
    "text", ["{ }", "{ a { } }", "mutation { m { } }", "{ ...F } fragment F on Query { }", "{ ... { } }"]
)
def test_an_empty_selection_is_no_graphql(documents: Documents, text: str) -> None:
    """The grammar has no empty selection set; the error is where its end stands."""
    with pytest.raises(RequestError) as caught:
        documents.prepare(text)
    found = format_errors(caught.value.errors)
    assert [error["extensions"]["code"] for error in found] == ["GRAPHQL_PARSE_FAILED"]
    assert [place["column"] for place in found[0]["locations"]] == [len(re.split(r"(?<=\{ )\}", text)[0]) + 1]


def test_an_empty_object_is_a_value(documents: Documents) -> None:
    """Only selection sets cannot be empty."""
    assert refused(documents, "{ s(x: {}) }")[0] == "GRAPHQL_VALIDATION_FAILED"
