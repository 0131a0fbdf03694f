"""Trusted documents: named by id over each transport, and by Apollo's hash; where the operator says so, no others."""

import json
from pathlib import Path
from typing import Any

import pytest
from httpx2 import AsyncClient

from server.settings import WrongSettings
from tests.support.servers.sockets import Client, opened
from tests.support.servers.stand_in import StandIn, application, bearer, listening

HELLO = "query Hello($n: String) { hello(name: $n) }"
COUNT = "subscription Count($to: Int!) { count(to: $to) }"
ADD = "mutation Add { add(n: 4) }"
DOCUMENTS = {"hello-1": HELLO, "count-1": COUNT, "add-1": ADD}
NOT_FOUND = "PERSISTED_QUERY_NOT_FOUND"
NOT_SUPPORTED = "PERSISTED_QUERY_NOT_SUPPORTED"
NOT_TRUSTED = "DOCUMENT_NOT_TRUSTED"


def written(folder: Path, content: object) -> Path:
    path = folder / "manifest.json"
    path.write_text(json.dumps(content))
    return path


def hashed(hash_: str) -> dict[str, Any]:
    return {"extensions": {"persistedQuery": {"version": 1, "sha256Hash": hash_}}}


class Asking:
    """An application with these settings behind a real server, over HTTP and over a socket."""

    def __init__(self, http: AsyncClient, socket: Client) -> None:
        self.http = http
        self.socket = socket

    async def post(self, **body: Any) -> tuple[int, Any]:
        response = await self.http.post("/graphql", json=body)
        return response.status_code, response.json()

    async def over_socket(self, **payload: Any) -> list[Any]:
        """The payloads that an operation gets, up to its end."""
        await self.socket.send(id="1", type="subscribe", payload=payload)
        found = []
        while (message := await self.socket.take())["type"] not in ("complete", "error"):
            found.append(message["payload"])
        return [*found, *(one["extensions"]["code"] for one in message.get("payload", []))]


@pytest.fixture
async def asking(stand_in: StandIn, request: pytest.FixtureRequest, tmp_path: Path) -> Any:
    """With the manifest, unless the parameter says otherwise: `only`, or `none`."""
    mode = getattr(request, "param", "manifest")
    given: dict[str, Any] = {} if mode == "none" else {"trusted_documents": written(tmp_path, DOCUMENTS)}
    app = application(stand_in, trusted_documents_only=mode == "only", **given)
    async with (
        listening(app) as port,
        AsyncClient(base_url=f"http://127.0.0.1:{port}", headers=bearer()) as http,
        opened(port) as socket,
    ):
        await socket.init()
        yield Asking(http, socket)


@pytest.mark.parametrize("asking", ["manifest", "only"], indirect=True)
async def test_a_document_by_its_id(asking: Asking, stand_in: StandIn) -> None:
    """POST, GET, a stream and a socket run the document of a `documentId`, with variables; a mutation not by GET."""
    hello = {"data": {"hello": "Hello, Ann!"}}
    asked = {"documentId": "hello-1", "variables": {"n": "Ann"}}
    assert await asking.post(**asked) == (200, hello)
    assert await asking.over_socket(**asked) == [hello]
    assert await asking.over_socket(query="", **asked) == [hello], "as the client of graphql-ws has to send it"
    assert await asking.post(query="", **asked) == (200, hello)
    params = {"documentId": "hello-1", "variables": '{"n":"Ann"}'}
    assert (await asking.http.get("/graphql", params=params)).json() == hello
    count = {"documentId": "count-1", "variables": {"to": 2}}
    assert [one["data"] for one in await asking.over_socket(**count)] == [{"count": 1}, {"count": 2}]
    stream = await asking.http.post("/graphql", json=count, headers={"Accept": "text/event-stream"})
    assert stream.text.count("event: next") == 2
    assert stream.text.endswith("event: complete\ndata:\n\n")
    assert (await asking.http.get("/graphql", params={"documentId": "add-1"})).status_code == 405
    assert stand_in.added == []
    assert await asking.post(documentId="add-1") == (200, {"data": {"add": 4}})
    assert stand_in.added == [4]


async def test_apollos_hash_names_a_trusted_document(asking: Asking) -> None:
    """With a manifest, an id in `extensions.persistedQuery` runs its document; an unknown one is answered so that the
    client sends the document with it, which runs."""
    assert await asking.post(**hashed("hello-1")) == (200, {"data": {"hello": "Hello, world!"}})
    unknown = {"message": "PersistedQueryNotFound", "extensions": {"code": NOT_FOUND}}
    assert await asking.post(**hashed("other")) == (200, {"errors": [unknown]})
    assert await asking.over_socket(**hashed("other")) == [NOT_FOUND]
    assert await asking.over_socket(query="", **hashed("other")) == [NOT_FOUND]
    assert await asking.post(query="{ who }", **hashed("other")) == (200, {"data": {"who": "ann of acme as REP"}})
    await asking.socket.alive()


@pytest.mark.parametrize("asking", ["none"], indirect=True)
async def test_without_a_manifest(asking: Asking) -> None:
    """The answer makes Apollo's clients stop sending hashes, with 200 for each `Accept`; a socket stays open."""
    refused = {"message": "PersistedQueryNotSupported", "extensions": {"code": NOT_SUPPORTED}}
    for accept in ("application/json", "application/graphql-response+json"):
        response = await asking.http.post("/graphql", json=hashed("a"), headers={"Accept": accept})
        assert (response.status_code, response.json()) == (200, {"errors": [refused]})
    params = {"extensions": json.dumps(hashed("a")["extensions"]), "variables": "{}"}
    assert (await asking.http.get("/graphql", params=params)).json() == {"errors": [refused]}
    assert await asking.over_socket(**hashed("a")) == [NOT_SUPPORTED]
    status, body = await asking.post(documentId="hello-1")
    assert (status, body["errors"][0]["extensions"]["code"]) == (200, NOT_SUPPORTED)
    assert "send the document as `query`" in body["errors"][0]["message"]
    assert await asking.over_socket(query="{ hello }") == [{"data": {"hello": "Hello, world!"}}]


async def test_an_unknown_document_id(asking: Asking) -> None:
    """The message says what to deploy, and the operation alone fails."""
    status, body = await asking.post(documentId="nothing")
    assert (status, body["errors"][0]["extensions"]["code"]) == (200, NOT_FOUND)
    assert "Deploy the manifest" in body["errors"][0]["message"]
    assert await asking.over_socket(documentId="nothing") == [NOT_FOUND]
    await asking.socket.alive()


async def test_other_documents_run_beside_trusted_ones(asking: Asking) -> None:
    """Unless the operator says otherwise."""
    assert await asking.post(query="{ hello }") == (200, {"data": {"hello": "Hello, world!"}})


@pytest.mark.parametrize("body", [{"documentId": 5}, {"documentId": "hello-1", "query": "{ hello }"}])
async def test_a_request_has_one_document(asking: Asking, body: dict[str, Any]) -> None:
    """An id that is no text, or stands beside a document, is refused."""
    status, answer = await asking.post(**body)
    assert (status, answer["errors"][0]["extensions"]["code"]) == (400, "BAD_REQUEST")
    assert "leave `query` out" in answer["errors"][0]["message"]


@pytest.mark.parametrize("asking", ["only"], indirect=True)
@pytest.mark.parametrize("query", ["mutation { add(n: 5) }", "{ hello }", "{ __schema { queryType { name } } }", "{"])
async def test_only_trusted_documents_run(asking: Asking, stand_in: StandIn, query: str) -> None:
    """Every other document is refused over each transport, introspection too, and nothing of it runs."""
    status, body = await asking.post(query=query)
    assert (status, [one["extensions"]["code"] for one in body["errors"]]) == (400, [NOT_TRUSTED])
    assert "Send the `documentId` of one" in body["errors"][0]["message"]
    assert (await asking.http.get("/graphql", params={"query": query})).status_code == 400
    assert await asking.over_socket(query=query) == [NOT_TRUSTED]
    assert (await asking.post(query=query, **hashed("other")))[1]["errors"][0]["extensions"]["code"] == NOT_TRUSTED
    await asking.socket.alive()
    assert stand_in.added == []


@pytest.mark.parametrize("asking", ["only"], indirect=True)
async def test_a_trusted_document_in_full(asking: Asking) -> None:
    """The text of a trusted document is no other document: a client without ids may send it."""
    assert await asking.post(query=HELLO) == (200, {"data": {"hello": "Hello, world!"}})


@pytest.mark.parametrize("asking", ["only"], indirect=True)
async def test_the_page_says_that_only_trusted_documents_run(asking: Asking) -> None:
    """A browser sees why there is no GraphiQL, and what to send."""
    page = await asking.http.get("/graphql", headers={"Accept": "text/html"})
    assert page.status_code == 404
    assert "runs only its trusted documents" in page.text
    assert "documentId" in page.text


@pytest.mark.parametrize(
    "content",
    [
        DOCUMENTS,  # Relay and GraphQL Code Generator
        {
            "format": "apollo-persisted-query-manifest",
            "version": 1,
            "operations": [{"id": id_, "name": id_, "type": "query", "body": text} for id_, text in DOCUMENTS.items()],
        },
    ],
)
def test_the_formats_of_manifests(stand_in: StandIn, tmp_path: Path, content: object) -> None:
    """Each is read."""
    app = application(stand_in, trusted_documents=written(tmp_path, content))
    assert app.service.trusted.texts == DOCUMENTS


APOLLO = {"format": "apollo-persisted-query-manifest", "version": 1}


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ([], "is not a manifest"),
        ({"format": "other"}, "unknown format"),
        ({**APOLLO, "version": 2}, "unknown format"),
        (APOLLO, "no list of `operations`"),
        ({"a": 5}, "an entry whose id or document is not a text"),
        ({"": "{ hello }"}, "an entry whose id or document is not a text"),
        ({**APOLLO, "operations": [{"id": "a"}]}, "an entry whose id or document is not a text"),
        (
            {**APOLLO, "operations": [{"id": "a", "body": "{ hello }"}, {"id": "a", "body": "{ who }"}]},
            'two different documents with the id "a"',
        ),
        ({"a": "{"}, 'cannot run, "a": Syntax Error: Expected Name, found <EOF>. (GRAPHQL_PARSE_FAILED)'),
        ({"a": "{ nope }"}, "\"a\": Cannot query field 'nope' on type 'Query'. (GRAPHQL_VALIDATION_FAILED)"),
        ({"a": "{ hello " * 200 + "}" * 200}, "(TOO_DEEP)"),
    ],
)
def test_a_wrong_manifest_stops_the_server(stand_in: StandIn, tmp_path: Path, content: object, reason: str) -> None:
    """One line names the setting, the file, the document and what is wrong."""
    path = written(tmp_path, content)
    with pytest.raises(WrongSettings) as wrong:
        application(stand_in, trusted_documents=path)
    assert str(wrong.value).startswith(f"DEALBOARD_TRUSTED_DOCUMENTS: {path} ")
    assert reason in str(wrong.value)
    assert "\n" not in str(wrong.value)


def test_a_manifest_that_cannot_be_read(stand_in: StandIn, tmp_path: Path) -> None:
    """One that is missing, and one that is not JSON."""
    with pytest.raises(WrongSettings, match=r"cannot be read \(No such file or directory\)"):
        application(stand_in, trusted_documents=tmp_path / "none.json")
    (tmp_path / "broken.json").write_text("{")
    with pytest.raises(WrongSettings, match=r"broken\.json is not JSON in UTF-8"):
        application(stand_in, trusted_documents=tmp_path / "broken.json")


def test_introspection_is_no_trusted_document(stand_in: StandIn, tmp_path: Path) -> None:
    """With only trusted documents, a manifest that holds one is refused at the start."""
    path = written(tmp_path, {"schema": "{ __schema { queryType { name } } }"})
    application(stand_in, trusted_documents=path)
    with pytest.raises(WrongSettings, match="INTROSPECTION_DISABLED"):
        application(stand_in, trusted_documents=path, trusted_documents_only=True)
