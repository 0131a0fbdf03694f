"""Bad input over real HTTP to the whole application: each request has its clear answer, and changes nothing."""

import json
import time
from collections.abc import AsyncIterator, Mapping
from typing import Any

import pytest
from httpx2 import AsyncClient, Response

from models.database import Database
from server.app import create_app
from tests.support.servers.stand_in import bearer, listening, settings, token
from tests.support.servers.tokens import unsigned
from tests.support.world import World, tables

WHO: dict[str, Any] = {"sub": "tester", "org_id": "demo", "role": "admin"}
HEADERS = {"Content-Type": "application/json", "Accept": "application/graphql-response+json"}

PIPELINES = "{ pipelines { name } }"
LEAD = "query($id: ID!) { lead(id: $id) { title } }"
PAGE = "query($first: Int) { leads(first: $first) { totalCount } }"
SEARCH = "query($text: String!) { leads(filter: { search: $text }) { nodes { title } } }"
BETWEEN = "query($min: Decimal) { leads(filter: { value: { min: $min } }) { totalCount } }"
IN_CURRENCY = "query($code: String) { leads(filter: { currency: $code }) { totalCount } }"
ONE_OF = "query($texts: [String!]!) { matchingLeads(condition: { title: { in: $texts } }) { totalCount } }"
OF_TYPES = "query($types: [EventType!]) { changeLog(filter: { types: $types }) { totalCount } }"
CREATE = "mutation($input: CreateLeadInput!) { createLead(input: $input) { lead { id } userErrors { code field } } }"
MOVE = "mutation($input: MoveLeadInput!) { moveLead(input: $input) { lead { id } userErrors { code field } } }"

BODIES: dict[str, tuple[bytes, str]] = {
    "no JSON": (b'{"query": "{ pipelines', "400 BAD_REQUEST"),
    "no object": (b'["{ pipelines { name } }"]', "400 BAD_REQUEST"),
    "a NaN": (b'{"query": "{ pipelines { name } }", "variables": {"first": NaN}}', "400 BAD_REQUEST"),
    "half a surrogate pair": (b'{"query": "{ pipelines { name } }", "variables": {"a": "\\ud83d"}}', "400 BAD_REQUEST"),
    "no UTF-8": (b'{"query": "{ pipelines { name } } # \xff"}', "400 BAD_REQUEST"),
    "100,000 brackets": (b"[" * 100_000, "400 BAD_REQUEST"),
    "a megabyte and one": (b" " * 1_000_001, "413 BAD_REQUEST"),
    "ten megabytes": (b" " * 10_000_000, "413 BAD_REQUEST"),
}

DOCUMENTS: dict[str, tuple[str, str]] = {
    "no document": ("", "400 GRAPHQL_PARSE_FAILED"),
    "an unknown field": ("{ pipelines { price } }", "400 GRAPHQL_VALIDATION_FAILED"),
    "an unknown argument": ("{ pipelines(where: 1) { name } }", "400 GRAPHQL_VALIDATION_FAILED"),
    "an unknown input field": ("{ leads(filter: { price: 1 }) { totalCount } }", "400 GRAPHQL_VALIDATION_FAILED"),
    "an unknown enum value": ("{ leads(filter: { kind: BIG }) { totalCount } }", "400 GRAPHQL_VALIDATION_FAILED"),
    "a text for a number": ('{ leads(first: "ten") { totalCount } }', "400 GRAPHQL_VALIDATION_FAILED"),
    "a number of 5,000 digits": (
        "{ leads(first: " + "9" * 5000 + ") { totalCount } }",
        "400 GRAPHQL_VALIDATION_FAILED",
    ),
    "a value of 40 digits": (
        '{ leads(filter: { value: { min: "' + "9" * 40 + '" } }) { totalCount } }',
        "400 GRAPHQL_VALIDATION_FAILED",
    ),
    "a fragment within itself": (
        "{ leads { ...A } } fragment A on LeadConnection { ...B } fragment B on LeadConnection { ...A }",
        "400 GRAPHQL_VALIDATION_FAILED",
    ),
    "17 levels": ('{ lead(id: "x") { ' + "convertedTo { " * 15 + "id" + " }" * 17, "400 TOO_DEEP"),
    "500 levels": ("{ a " * 500 + "}" * 500, "400 TOO_DEEP"),
    "300 aliases": (
        "{ " + " ".join(f"a{nth}: cursor" for nth in range(300)) + " }",
        "400 TOO_MANY_ALIASES TOO_MANY_ROOT_FIELDS",
    ),
    "1,000 aliases": ("{ " + " ".join(f"a{nth}: cursor" for nth in range(1000)) + " }", "400 TOO_MANY_TOKENS"),
    "a million rows": (
        "{ leads(first: 100) { nodes { tasks(first: 100) { nodes { lead { tasks(first: 100) { totalCount } } } } } } }",
        "400 TOO_COSTLY",
    ),
    "a document of 200,000 letters": ("{ cursor }" + " " * 200_000, "400 TOO_LONG"),
}

VARIABLES: dict[str, tuple[str, Mapping[str, Any], str]] = {
    "a page of -1": (PAGE, {"first": -1}, "400 BAD_USER_INPUT"),
    "a page of 100,000": (PAGE, {"first": 100_000}, "400 BAD_USER_INPUT"),
    "a page of a half": (PAGE, {"first": 0.5}, "400 BAD_USER_INPUT"),
    "no id": (LEAD, {}, "400 BAD_USER_INPUT"),
    "a null id": (LEAD, {"id": None}, "400 BAD_USER_INPUT"),
    "a list of ids": (LEAD, {"id": ["lead_1"]}, "400 BAD_USER_INPUT"),
    "an id that is none": (LEAD, {"id": "7; DROP TABLE lead"}, "400 BAD_USER_INPUT"),
    "an id of another type": (LEAD, {"id": "$Sales"}, "400 BAD_USER_INPUT"),
    "an id of another organisation": (LEAD, {"id": "$theirs"}, "200 nothing"),
    "a float for an exact amount": (BETWEEN, {"min": 0.1}, "400 BAD_USER_INPUT"),
    "an amount with an exponent": (BETWEEN, {"min": "1e400"}, "400 BAD_USER_INPUT"),
    "an amount that is not a number": (BETWEEN, {"min": "NaN"}, "400 BAD_USER_INPUT"),
    "a currency that there is not": (IN_CURRENCY, {"code": "EURO"}, "400 BAD_USER_INPUT"),
    "a currency in small letters": (IN_CURRENCY, {"code": "eur"}, "400 BAD_USER_INPUT"),
    "101 types of events": (OF_TYPES, {"types": ["LEAD_CREATED"] * 101}, "400 BAD_USER_INPUT"),
    "NUL in a search": (SEARCH, {"text": "a\0b"}, "400 BAD_USER_INPUT"),
    "NUL in one of several texts": (ONE_OF, {"texts": ["fine", "a\0b"]}, "400 BAD_USER_INPUT"),
}

LEADS: dict[str, tuple[Mapping[str, Any], str]] = {
    "no title": ({"title": " "}, "200 INVALID title"),
    "NUL in a title": ({"title": "a\0b"}, "200 INVALID title"),
    "a title of 900,000 letters": ({"title": "x" * 900_000}, "200 INVALID title"),
    "a negative value": ({"value": "-1"}, "200 INVALID value"),
    "a value of 40 digits": ({"value": "9" * 40}, "400 BAD_USER_INPUT"),
    "a value of NaN": ({"value": "NaN"}, "400 BAD_USER_INPUT"),
    "a value finer than its currency": ({"value": "0.001"}, "200 INVALID value"),
    "an unknown currency": ({"value": "1", "currency": "XXX"}, "200 INVALID currency"),
    "the year 20000": ({"expectedCloseDate": "20000-01-01"}, "400 BAD_USER_INPUT"),
    "the year 9999": ({"expectedCloseDate": "9999-12-31"}, "200 INVALID expectedCloseDate"),
    "the 30th of February": ({"expectedCloseDate": "2026-02-30"}, "400 BAD_USER_INPUT"),
    "a probability of 101": ({"probability": 101}, "200 INVALID probability"),
    "an owner that is a stage": ({"ownerId": "$New"}, "200 WRONG_ID ownerId"),
    "an owner of another organisation": ({"ownerId": "$their member"}, "200 NOT_FOUND ownerId"),
    "a field that there is not": ({"price": 1}, "400 BAD_USER_INPUT"),
}

MOVES: dict[str, tuple[Mapping[str, Any], str]] = {
    "a lead of another organisation": ({"leadId": "$theirs", "stageId": "$Talking"}, "200 NOT_FOUND leadId"),
    "a stage of another organisation": ({"leadId": "$Ada", "stageId": "$their stage"}, "200 NOT_FOUND stageId"),
    "a neighbour of another organisation": (
        {"leadId": "$Ada", "stageId": "$New", "afterLeadId": "$theirs"},
        "200 NOT_FOUND afterLeadId",
    ),
    "a pipeline in the place of a stage": ({"leadId": "$Ada", "stageId": "$Sales"}, "200 WRONG_ID stageId"),
    "an impossible version": (
        {"leadId": "$Ada", "stageId": "$Talking", "expectedVersion": 2**40},
        "400 BAD_USER_INPUT",
    ),
}

CREDENTIALS: dict[str, tuple[str | None, str | None, str]] = {
    "no token": (None, None, "401 UNAUTHENTICATED"),
    "an expired token": (token(**WHO, exp=time.time() - 60), None, "401 UNAUTHENTICATED"),
    "an unsigned token": (unsigned(**WHO), None, "401 UNAUTHENTICATED"),
    "a forged token": (token(**WHO, secret="somebody else's secret, long enough"), None, "401 UNAUTHENTICATED"),
    "another organisation's token": (token(**WHO | {"org_id": "strangers"}), None, "200 nothing"),
    "another organisation's token with our orgid": (token(**WHO | {"org_id": "strangers"}), "demo", "403 FORBIDDEN"),
    "an orgid that is SQL": (token(**WHO), "demo' OR '1'='1", "403 FORBIDDEN"),
    "an orgid of two": (token(**WHO), "demo,strangers", "403 FORBIDDEN"),
    "an orgid that is no text": (token(**WHO), "demo\xff", "403 FORBIDDEN"),
}


@pytest.fixture
async def client(database: Database) -> AsyncIterator[AsyncClient]:
    """An admin's client of a running server. A request fails that is not answered within seconds."""
    app = create_app(settings(), database)
    async with (
        app.router.lifespan_context(app),
        listening(app) as port,
        AsyncClient(base_url=f"http://127.0.0.1:{port}", headers={**HEADERS, **bearer(**WHO)}, timeout=20) as client,
    ):
        yield client


@pytest.fixture
def known(world: World, strangers: World) -> dict[str, str]:
    """The value of each `$name` in the tables above."""
    theirs = {"theirs": strangers["Ada"], "their stage": strangers["Talking"], "their member": strangers["rita"]}
    return {f"${name}": id for name, id in (world.ids | theirs).items()}


def outcome(response: Response) -> str:
    """The status, and each code with the field at fault, or `nothing` where there is no such record."""
    body = response.json()
    if "errors" in body:
        assert all(0 < len(error["message"]) < 700 for error in body["errors"])
        said = sorted({error["extensions"]["code"] for error in body["errors"]})
        return f"{response.status_code} {' '.join(said)}"
    (answered,) = body["data"].values()
    if answered is None:
        return f"{response.status_code} nothing"
    errors = [f"{error['code']} {'.'.join(error['field'] or ())}" for error in answered.get("userErrors", ())]
    return f"{response.status_code} {' '.join(errors) or 'done'}"


async def post(client: AsyncClient, document: str, variables: Mapping[str, Any] | None = None) -> Response:
    """The answer to a document; non-ASCII text in its variables is sent as JSON escapes."""
    return await client.post("/graphql", content=json.dumps({"query": document, "variables": variables}))


def filled(given: Mapping[str, Any], known: Mapping[str, str]) -> dict[str, Any]:
    """The variables with ids in place of names."""
    return {key: known.get(value, value) if isinstance(value, str) else value for key, value in given.items()}


async def test_bad_input_is_answered_and_changes_nothing(
    client: AsyncClient, known: Mapping[str, str], database: Database
) -> None:
    """Each request of the tables above has the outcome listed with it, and all tables stay as they were."""
    before = await tables(database)
    wanted: dict[str, str] = {}
    found: dict[str, str] = {}
    for what, (content, wanted[what]) in BODIES.items():
        found[what] = outcome(await client.post("/graphql", content=content))
    for what, (document, wanted[what]) in DOCUMENTS.items():
        found[what] = outcome(await post(client, document))
    for what, (document, variables, wanted[what]) in VARIABLES.items():
        found[what] = outcome(await post(client, document, filled(variables, known)))
    for what, (given, wanted[what]) in LEADS.items():
        found[what] = outcome(await post(client, CREATE, {"input": {"title": "A lead", **filled(given, known)}}))
    for what, (given, wanted[what]) in MOVES.items():
        found[what] = outcome(await post(client, MOVE, {"input": filled(given, known)}))
    assert found == wanted
    assert await tables(database) == before


async def test_who_proves_nothing_gets_nothing(client: AsyncClient, known: Mapping[str, str]) -> None:
    """Each credential of the table above has the outcome listed with it, whatever the request."""
    del client.headers["Authorization"]
    wanted: dict[str, str] = {}
    found: dict[str, str] = {}
    for what, (credential, orgid, wanted[what]) in CREDENTIALS.items():
        sent = {"Authorization": credential and f"Bearer {credential}", "orgid": orgid}
        headers = {name: value.encode("latin-1") for name, value in sent.items() if value}
        content = json.dumps({"query": LEAD, "variables": {"id": known["$Ada"]}})
        found[what] = outcome(await client.post("/graphql", content=content, headers=headers))
    assert found == wanted


async def test_a_long_body_of_unknown_length(client: AsyncClient, world: World) -> None:
    """The body is refused as one that declares its length is; the next request is answered."""

    async def ten_megabytes() -> AsyncIterator[bytes]:
        for _ in range(100):
            yield b" " * 100_000

    assert outcome(await client.post("/graphql", content=ten_megabytes())) == "413 BAD_REQUEST"
    assert (await post(client, PIPELINES)).status_code == 200


TITLES = (
    "100 % sure",
    "under_score",
    "'; DROP TABLE lead; --",
    "back\\slash",
    '"quoted" $1 :name {x}',
    "Ünï ☃ 中文 👍",
)
SEARCHES: dict[str, list[str]] = {
    "100 %": ["100 % sure"],
    "_score": ["under_score"],
    "\\slash": ["back\\slash"],
    "'; DROP": ["'; DROP TABLE lead; --"],
    "' OR '1'='1": [],
    "$1 :name": ['"quoted" $1 :name {x}'],
    '"quoted"': ['"quoted" $1 :name {x}'],
    "☃ 中": ["Ünï ☃ 中文 👍"],
    "uni 👍": ["Ünï ☃ 中文 👍"],
    "1_0": [],
    "sure:* | back": [],
    "!sure": ["100 % sure"],
}


async def test_text_is_only_text(client: AsyncClient, world: World) -> None:
    """Text with a meaning in SQL, LIKE or JSON is stored as typed, and found by its words."""
    for title in TITLES:
        made = (await post(client, CREATE, {"input": {"title": title}})).json()["data"]["createLead"]
        kept = (await post(client, LEAD, {"id": made["lead"]["id"]})).json()["data"]["lead"]
        assert kept == {"title": title}
    found: dict[str, list[str]] = {}
    for text in SEARCHES:
        nodes = (await post(client, SEARCH, {"text": text})).json()["data"]["leads"]["nodes"]
        found[text] = [node["title"] for node in nodes]
    assert found == SEARCHES
