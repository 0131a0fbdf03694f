"""Mutations: one transaction for each root field, and then the records that its payload shows."""

from collections.abc import Mapping, Sequence
from typing import Any

import orjson
from graphql import (
    GraphQLError,
)
from graphql.execution.values import VariableValues

from engine.bounds.answers import is_size, limited_payload, too_large
from engine.caller import Caller
from engine.change.inputs import change_input
from engine.change.payload import PayloadPlan
from engine.change.transaction import Mutation, perform
from engine.errors import Code, code_of, format_errors
from engine.failures import Failed, masked
from engine.operations import BOUNDS, OK, Answer, Operations
from engine.plans import Plan
from engine.publish.fields import CHANGE, CHECKS, OWN_IDS, ROLE
from engine.read.arguments import DEFINITION, python_name
from models.rules.refusal import Refused
from models.timeouts import TimedOut, timed

MADE = "The change was made: query what you need of it, in parts."


class Mutations(Operations):
    """Runs mutations."""

    async def mutate(self, plan: Plan, values: VariableValues, caller: Caller) -> Answer:
        for shown in (plan.payloads or {}).values():
            if shown.compiled is not None:
                # The payloads are compiled first: nothing may be refused once something has changed.
                self._bound(shown.compiled, values, caller, **shown.ids({}))
        data: dict[str, Any] = {}
        errors: list[GraphQLError] = []
        codes: list[str] = []
        size = 0
        for key, fields in plan.grouped.items():
            payload = (plan.payloads or {}).get(key)
            if payload is None:
                data[key] = plan.root.name
                continue
            try:
                shown = await self._change(
                    plan.root.fields[fields[0].node.name.value], payload, fields, values, caller, codes
                )
                size += len(orjson.dumps(shown)) if len(plan.grouped) > 1 else 0
                if size > self.most_bytes:
                    raise too_large(size, self.most_bytes, MADE)
                data[key] = shown
            except Exception as failure:
                data[key] = None
                errors.append(masked(failure, path=[key]))
                codes.append(code_of(errors[-1]))
                if codes[-1] in BOUNDS:
                    self.shares.hit(f"mutation_{BOUNDS[codes[-1]]}")
        body: dict[str, Any] = {"data": data}
        if errors:
            body["errors"] = format_errors(errors)
        return Answer(orjson.dumps(body), code=codes[0] if codes else OK)

    async def _change(
        self, field: Any, payload: PayloadPlan, fields: Any, values: VariableValues, caller: Caller, codes: list[str]
    ) -> Any:
        """Make one change and read the records of its payload. The codes of a refusal are added to the codes."""
        metadata = field.extensions[DEFINITION].metadata
        mutation = Mutation(python_name(fields[0].node.name.value), metadata[CHANGE], metadata[OWN_IDS], metadata[ROLE])
        try:
            given, idempotency = change_input(field, fields[0].node, values, metadata[CHECKS])
            shown: Mapping[str, Any] = await perform(
                self.database, self.feed.domain, caller, mutation, given, idempotency
            )
            await self.feed.wake(caller.org_id)
            if self.restricted is not None and mutation.name in self.feed.domain.restricts:
                await self.restricted()
            shown = {**shown, "user_errors": []}
        except Refused as refused:
            wrong = [
                {"code": found.code, "message": found.message, "field": list(found.field) or None}
                for found in refused.all
            ]
            shown = {**refused.shown, "user_errors": wrong}
            codes += [found.code for found in refused.all]
        texts: dict[str, str | None] = dict.fromkeys(payload.records)
        ids = payload.ids(shown)
        if payload.compiled is not None and any(ids.values()):
            arguments = self._bound(payload.compiled, values, caller, **ids)
            columns = len(payload.records)
            sql = self._limited(payload.compiled, lambda sql, most: limited_payload(sql, columns, most))
            row = await self._shown(sql, arguments)
            texts = dict(zip(payload.records, row or (), strict=True))
        return payload.rendered(shown, texts)

    async def _shown(self, sql: str, arguments: Sequence[Any]) -> Sequence[str | None]:
        """The records of a payload. What fails here says that the change itself was made."""
        try:
            async with self.database.acquire() as connection:
                row: Any = await timed(connection.fetchrow(sql, *arguments, timeout=self.database.patience))
        except TimedOut as late:
            message = "The change was made, but reading what its payload asks for took too long. Query it, in parts."
            raise Failed(Code.TIMED_OUT, message) from late
        if row is not None and is_size(row[0]):
            raise too_large(int(row[0]), self.most_bytes, MADE)
        return row  # type: ignore[no-any-return]
