"""An organisation to change things in: its boards, cards and members, with shortcuts to change and read them."""

import asyncio
import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from engine.errors import RequestError, format_errors
from models import Base, Role, organisation_id
from models.database import Database
from models.rules.ids import public_id
from schema.api import graphql_schema

Api = Any
Tables = dict[str, list[tuple[Any, ...]]]

STAGES = [
    {"name": "New", "probability": 10},
    {"name": "Talking", "probability": 30, "rottenAfterDays": 14},
    {"name": "Offer", "probability": 60},
    {"name": "Won", "kind": "WON"},
    {"name": "Lost", "kind": "LOST"},
]

RITA: dict[str, Any] = {"subject": "rita", "role": Role.REP}
MIA: dict[str, Any] = {"subject": "mia", "role": Role.MANAGER}
"""The caller, to be spread into `ask`, `change` and the like."""


@dataclass
class World:
    """One organisation. `ids` holds public ids by the names that the tests use."""

    api: Api
    database: Database
    organisation: str
    ids: dict[str, str] = field(default_factory=dict)

    def __getitem__(self, name: str) -> str:
        return self.ids[name]

    async def ask(self, query: str, variables: Mapping[str, Any] | None = None, **who: Any) -> Any:
        """The data of an operation; it must have no errors."""
        body = await self.api(query, variables, organisation=self.organisation, **who)
        assert "errors" not in body, body["errors"]
        return body["data"]

    async def attempt(self, mutation: str, given: Mapping[str, Any], show: str = "", **who: Any) -> dict[str, Any]:
        """The whole response to a mutation with the input `given`; a refused operation has only errors."""
        try:
            body: dict[str, Any] = await self.api(
                document(mutation, show), {"input": given}, organisation=self.organisation, **who
            )
        except RequestError as refused:
            return {"errors": format_errors(refused.errors)}
        return body

    async def change(self, mutation: str, given: Mapping[str, Any], show: str = "", **who: Any) -> dict[str, Any]:
        """The payload of a mutation, which must not be refused."""
        payload = (await self.ask(document(mutation, show), {"input": given}, **who))["result"]
        assert payload["userErrors"] == []
        return payload  # type: ignore[no-any-return]

    async def refused(
        self, mutation: str, given: Mapping[str, Any], code: str, *path: str, show: str = "", **who: Any
    ) -> dict[str, Any]:
        """The payload of a mutation that must be refused with this code at this field, and change nothing."""
        before = await tables(self.database)
        payload = (await self.ask(document(mutation, show), {"input": given}, **who))["result"]
        found = [(error["code"], error["field"]) for error in payload["userErrors"]]
        assert found == [(code, list(path) or None)], payload["userErrors"]
        assert await tables(self.database) == before
        return payload  # type: ignore[no-any-return]

    async def at_once(self, mutation: str, *inputs: Mapping[str, Any], **who: Any) -> Counter[str]:
        """How many of several changes at once are "done", and how many are refused with which code."""
        bodies = await asyncio.gather(*(self.attempt(mutation, given, **who) for given in inputs))
        errors = [body["errors"] for body in bodies if "errors" in body]
        assert not errors, errors
        errors = [body["data"]["result"]["userErrors"] for body in bodies]
        return Counter(code for found in errors for code in [error["code"] for error in found] or ["done"])

    async def lead(self, name: str, fields: str) -> Any:
        """Fields of a lead as it is now, or None."""
        return (await self.ask(f"query($id: ID!) {{ lead(id: $id) {{ {fields} }} }}", {"id": self[name]}))["lead"]

    async def task(self, name: str, fields: str, **who: Any) -> Any:
        """Fields of a task as it is now, or None."""
        return (await self.ask(f"query($id: ID!) {{ task(id: $id) {{ {fields} }} }}", {"id": self[name]}, **who))[
            "task"
        ]

    async def stages(self, pipeline: str, fields: str) -> Any:
        """Fields of the stages of a pipeline, in order."""
        query = f"query($id: ID!) {{ pipeline(id: $id) {{ stages {{ {fields} }} }} }}"
        return (await self.ask(query, {"id": self[pipeline]}))["pipeline"]["stages"]

    async def cards(self, stage: str) -> list[str]:
        """The titles of the cards of a stage, from the top."""
        query = "query($id: ID!) { node(id: $id) { ... on Stage { leads(first: 100) { nodes { title } } } } }"
        found = await self.ask(query, {"id": self[stage]})
        return [lead["title"] for lead in found["node"]["leads"]["nodes"]]

    async def events(self, after: int = 0) -> list[Mapping[str, Any]]:
        """The events of the organisation after a number, in order."""
        found = await self.database.pool.fetch(
            "SELECT * FROM event WHERE org_id = $1 AND number > $2 ORDER BY number",
            organisation_id(self.organisation),
            after,
        )
        return [dict(row) for row in found]

    async def recorded(self, after: int = 0) -> list[tuple[str, str, Any]]:
        """Type, mutation and data of each event after a number, in order."""
        return [(event["type"], event["mutation"], json.loads(event["data"])) for event in await self.events(after)]

    async def head(self) -> int:
        """The number of the last event."""
        return await self.database.pool.fetchval(  # type: ignore[no-any-return]
            "SELECT head FROM event_log WHERE org_id = $1", organisation_id(self.organisation)
        )

    async def sql(self, statement: str, *values: Any) -> None:
        """Run SQL directly, for rows that no mutation writes."""
        await self.database.pool.execute(statement, *values)


def document(mutation: str, show: str = "") -> str:
    """The operation that runs one mutation and selects these fields of its payload, besides its errors."""
    root = graphql_schema.mutation_type
    assert root is not None
    type_ = root.fields[mutation].args["input"].type
    return (
        f"mutation($input: {type_}) {{ result: {mutation}(input: $input)"
        f" {{ {show} userErrors {{ code field message }} }} }}"
    )


async def tables(database: Database) -> Tables:
    """Every row of every table, as text: equal before and after means that nothing changed."""
    async with database.acquire() as connection:
        return {
            table.name: sorted(tuple(row) for row in await connection.fetch(f"SELECT t::text FROM {table.name} AS t"))
            for table in Base.metadata.sorted_tables
        }


async def build(api: Api, database: Database, organisation: str) -> World:
    """The organisation as the tests know it.

    Sales (the default): New with Ada, Bob, Cleo; Talking with Dan; Offer; Won with Eve; Lost. Renewals: Due with Fay,
    Done (WON). Empty: Open. Rita is a rep, Mia a manager, Ian is no longer active.
    """
    world = World(api, database, organisation)
    await _boards(world)
    await _people(world)
    await _cards(world)
    return world


async def _boards(world: World) -> None:
    for name, stages in (
        ("Sales", STAGES),
        ("Renewals", [{"name": "Due", "probability": 50}, {"name": "Done", "kind": "WON"}]),
        ("Empty", [{"name": "Open"}]),
    ):
        made = await world.change(
            "createPipeline", {"name": name, "stages": stages}, "pipeline { id stages { id name } }"
        )
        world.ids[name] = made["pipeline"]["id"]
        world.ids |= {stage["name"]: stage["id"] for stage in made["pipeline"]["stages"]}


async def _people(world: World) -> None:
    for subject, role in (("rita", Role.REP), ("mia", Role.MANAGER), ("ian", Role.REP)):
        given = {"name": f"Contact of {subject}", "email": f"{subject}@example.com"}
        made = await world.change("createContact", given, "contact { id }", subject=subject, role=role)
        world.ids[f"contact of {subject}"] = made["contact"]["id"]
    made = await world.change("createCustomer", {"name": "Acme"}, "customer { id }")
    world.ids["Acme"] = made["customer"]["id"]
    org_id = organisation_id(world.organisation)
    await world.sql("UPDATE member SET active = false WHERE org_id = $1 AND subject = 'ian'", org_id)
    for row in await world.database.pool.fetch("SELECT id, subject FROM member WHERE org_id = $1", org_id):
        world.ids[row["subject"]] = public_id("member", row["id"])


async def _cards(world: World) -> None:
    for title, stage, fields in (
        ("Cleo", "New", {}),
        ("Bob", "New", {"value": "250.50", "ownerId": world["rita"]}),
        ("Ada", "New", {"value": "1000", "currency": "EUR", "probability": 50, "externalId": "crm-1"}),
        ("Dan", "Talking", {"value": "80", "contactId": world["contact of rita"]}),
        ("Eve", "Won", {"value": "500", "customerId": world["Acme"]}),
        ("Fay", "Due", {"value": "40", "externalId": "crm-1"}),
    ):
        given = {"title": title, "stageId": world[stage], **fields}
        made = await world.change("createLead", given, "lead { id }")
        world.ids[title] = made["lead"]["id"]
