"""Plans: an operation compiled for variables of one shape."""

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any

from graphql import DocumentNode, GraphQLSchema, OperationDefinitionNode, SelectionSetNode
from graphql.execution.values import VariableValues

from engine.change.payload import PayloadPlan, plan_payload
from engine.documents import Prepared
from engine.failures import bad_input
from engine.live.selection import EventSelection
from engine.read.bound_statement import BoundStatement
from engine.read.compiler import Compiler, Grouped
from engine.read.slots import BadInput

DEEPEST = 6000
"""SQLAlchemy compiles a statement by recursion, some thirty calls per level of a document; Python allows 1,000."""

sys.setrecursionlimit(max(sys.getrecursionlimit(), DEEPEST))


@dataclass(frozen=True, eq=False)
class Plan:
    """An operation compiled for variables of one shape."""

    root: Any
    grouped: Grouped
    compiled: BoundStatement | None = None
    introspection: DocumentNode | None = None
    payloads: Mapping[str, PayloadPlan] | None = None
    watch: EventSelection | None = None

    @cached_property
    def characters(self) -> int:
        """Characters of its SQL, which is compiled now unless it was before."""
        shown = [payload.compiled for payload in (self.payloads or {}).values()]
        return sum(len(one.statement.sql) for one in (self.compiled, *shown) if one is not None)


def make_plan(schema: GraphQLSchema, prepared: Prepared, values: VariableValues, most: int) -> Plan:
    """Compile an operation for variables of this shape, of at most `most` fields as a `Compiler` counts them.

    Raises `RequestError` for what cannot be used, and TOO_MANY_FIELDS.
    """
    compiler = Compiler(schema, prepared, values, most)
    plan = _plan(compiler, schema, prepared)
    compiler.forget()
    return plan


def _plan(compiler: Compiler, schema: GraphQLSchema, prepared: Prepared) -> Plan:
    root, grouped = compiler.root()
    asked = {key: fields[0].node.name.value for key, fields in grouped.items()}
    own = {key: grouped[key] for key, name in asked.items() if not name.startswith("__") or name == "__typename"}
    plan = partial(Plan, root, grouped)
    try:
        if prepared.kind == "mutation":
            payloads = {
                key: plan_payload(compiler, root.fields[asked[key]], fields)
                for key, fields in own.items()
                if asked[key] in root.fields
            }
            return plan(payloads=payloads)
        if prepared.kind == "subscription":
            watch, compiled = compiler.subscription(root, own)
            return plan(compiled=compiled, watch=watch)
        reads = compiler.query(root, own) if own else None
        return plan(compiled=reads, introspection=_introspection(prepared, grouped, own))
    except BadInput as wrong:
        raise bad_input(wrong) from wrong


def _introspection(prepared: Prepared, grouped: Grouped, own: Grouped) -> DocumentNode | None:
    """The part of the operation that queries the schema itself, as a document of its own."""
    nodes = [field.node for key, fields in grouped.items() if key not in own for field in fields]
    if not nodes:
        return None
    operation = prepared.operation
    alone = OperationDefinitionNode(
        operation=operation.operation,
        variable_definitions=operation.variable_definitions,
        selection_set=SelectionSetNode(selections=tuple(nodes)),
    )
    fragments = [node for node in prepared.document.definitions if node.kind == "fragment_definition"]
    return DocumentNode(definitions=(alone, *fragments))
