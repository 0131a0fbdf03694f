"""Is every row that a statement reads or writes of one organisation? Read off its tree, by PostgreSQL's own parser.

An alias of a table is limited when its `org_id` (of `organisation`, its `id`) is compared for equality, in a condition
that each of its rows has to meet, with the bound organisation or with an `org_id` that is limited itself. What an
INSERT writes there has to be the same. Conditions that are only alternatives, that stand in the ON of the other side of
an outer join, or in a sub-select of their own, limit nothing.
"""

import gc
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from pglast import ast, parse_sql
from pglast.enums import A_Expr_Kind, BoolExprType, JoinType, OnConflictAction, SetOperation

from models import Base

Bound = Callable[[int], bool]
"""Whether a parameter, by its number, is the organisation that the statement is bound to."""

Holds = Callable[[], bool]
Columns = list[tuple[str, Holds]]
"""What a query returns: the names of its columns, and whether each holds the bound organisation."""

KEYS = {
    table.name: "id" if table.name == "organisation" else "org_id" if "org_id" in table.c else None
    for table in Base.metadata.tables.values()
}
"""The column that holds the organisation of a row, by table."""


@dataclass(eq=False)
class Source:
    """What an alias stands for: its columns, and those that are known to hold the bound organisation."""

    columns: tuple[str, ...]
    scoped: set[str] = field(default_factory=set)


@dataclass(eq=False)
class Frame:
    """The aliases of one query, inside those of the query around it."""

    parent: "Frame | None" = None
    sources: dict[str, Source] = field(default_factory=dict)

    def find(self, reference: ast.ColumnRef) -> tuple[Source, str] | None:
        """The source of a column, and the column's name there."""
        names = [getattr(part, "sval", "*") for part in reference.fields]
        frame: Frame | None = self
        while frame is not None:
            if len(names) == 1:
                found = [source for source in frame.sources.values() if names[0] in source.columns]
            else:
                found = [frame.sources[names[0]]] if names[0] in frame.sources else []
            if found:
                return (found[0], names[-1]) if len(found) == 1 else None
            frame = frame.parent
        return None


def unlimited(sql: str, bound: Bound) -> list[str]:
    """The tables of a statement, each with its alias, that are not limited to the bound organisation."""
    check = Check(bound)
    with collecting_nothing():
        for statement in parse_sql(sql):
            check.query(statement.stmt, None, {})
        return check.found()


@contextmanager
def collecting_nothing() -> Iterator[None]:
    """Stop the garbage collector while a tree grows: it would walk the tree again and again, and double the time."""
    collects = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collects:
            gc.enable()


class Check:
    """What has to hold in one statement, and what is known of it."""

    def __init__(self, bound: Bound) -> None:
        self.bound = bound
        self.wanted: list[tuple[str, Holds]] = []
        self.known: list[tuple[Source, str, Holds]] = []

    def found(self) -> list[str]:
        """What does not hold once everything that follows from the conditions is known."""
        grows = True
        while grows:
            grows = False
            for source, column, holds in self.known:
                if column not in source.scoped and holds():
                    source.scoped.add(column)
                    grows = True
        return [what for what, holds in self.wanted if not holds()]

    def query(self, node: Any, parent: Frame | None, ctes: Mapping[str, Columns]) -> Columns:
        """Record what a query of any kind has to fulfil; returns its columns."""
        ctes = self.ctes(node.withClause, parent, ctes)
        match node:
            case ast.SelectStmt() if node.op != SetOperation.SETOP_NONE:
                left, right = (self.query(side, parent, ctes) for side in (node.larg, node.rarg))
                return [(name, both(one, other)) for (name, one), (_, other) in zip(left, right, strict=True)]
            case ast.SelectStmt():
                return self.select(node, Frame(parent), ctes)
            case ast.InsertStmt():
                return self.insert(node, Frame(parent), ctes)
            case ast.UpdateStmt() | ast.DeleteStmt():
                return self.change(node, Frame(parent), ctes)
        raise TypeError(f"not known how to check {type(node).__name__}")

    def ctes(self, clause: Any, parent: Frame | None, ctes: Mapping[str, Columns]) -> Mapping[str, Columns]:
        """The columns of every WITH that a query can name."""
        seen = dict(ctes)
        for cte in clause.ctes if clause else ():
            names = [name.sval for name in cte.aliascolnames or ()]
            if clause.recursive:
                # The recursive term sees its own rows, of which nothing is known but what the term itself says.
                first = cte.ctequery.larg if getattr(cte.ctequery, "larg", None) else cte.ctequery
                own = names or [name for name, _ in Check(self.bound).query(first, parent, seen)]
                seen[cte.ctename] = [(name, never) for name in own]
            columns = self.query(cte.ctequery, parent, seen)
            seen[cte.ctename] = renamed(columns, names)
        return seen

    def select(self, node: ast.SelectStmt, frame: Frame, ctes: Mapping[str, Columns]) -> Columns:
        if node.valuesLists:
            self.walk(node.valuesLists, frame, ctes)
            return [
                (f"column{nth}", every(self.org(value, frame) for value in values))
                for nth, values in enumerate(zip(*node.valuesLists, strict=True), 1)
            ]
        self.sources(node.fromClause, frame, ctes)
        self.condition(node.whereClause, frame, set(frame.sources))
        for part in (node.targetList, node.whereClause, node.groupClause, node.havingClause, node.windowClause):
            self.walk(part, frame, ctes)
        for part in (node.distinctClause, node.sortClause, node.limitCount, node.limitOffset):
            self.walk(part, frame, ctes)
        return self.columns(node.targetList, frame)

    def change(self, node: Any, frame: Frame, ctes: Mapping[str, Columns]) -> Columns:
        """An UPDATE or a DELETE."""
        self.sources([node.relation], frame, ctes)
        further = node.fromClause if isinstance(node, ast.UpdateStmt) else node.usingClause
        self.sources(further, frame, ctes)
        self.condition(node.whereClause, frame, set(frame.sources))
        if isinstance(node, ast.UpdateStmt):
            self.assignments(node.relation.relname, node.targetList, frame, ctes)
        self.walk(node.whereClause, frame, ctes)
        return self.returning(node, frame, ctes)

    def insert(self, node: ast.InsertStmt, frame: Frame, ctes: Mapping[str, Columns]) -> Columns:
        table = node.relation.relname
        key, names = KEYS[table], [column.name for column in node.cols or ()]
        given = self.query(node.selectStmt, frame.parent, ctes)
        right = given[names.index(key)][1] if key in names else never
        self.wanted.append((f"INSERT INTO {table}", right))
        source = self.table(table, frame, node.relation.alias)
        self.known.append((source, str(key), right))
        conflict = node.onConflictClause
        if conflict is not None and conflict.action == OnConflictAction.ONCONFLICT_UPDATE:
            on = [element.name for element in conflict.infer.indexElems or ()]
            self.wanted.append((f"INSERT INTO {table} ON CONFLICT", always if key in on else never))
            excluded = frame.sources["excluded"] = Source(source.columns)
            self.known.append((excluded, str(key), right))
            self.assignments(table, conflict.targetList, frame, ctes)
            self.walk(conflict.whereClause, frame, ctes)
            del frame.sources["excluded"]
        return self.returning(node, frame, ctes)

    def assignments(self, table: str, targets: Any, frame: Frame, ctes: Mapping[str, Columns]) -> None:
        """Check that no row moves to another organisation."""
        if KEYS[table] in [target.name for target in targets]:
            self.wanted.append((f"{table} SET {KEYS[table]}", never))
        self.walk(targets, frame, ctes)

    def returning(self, node: Any, frame: Frame, ctes: Mapping[str, Columns]) -> Columns:
        targets = node.returningClause.exprs if node.returningClause else ()
        self.walk(targets, frame, ctes)
        return self.columns(targets, frame)

    def sources(self, items: Any, frame: Frame, ctes: Mapping[str, Columns]) -> set[str]:
        """Add the sources of a FROM to the frame; returns the aliases."""
        return {alias for item in items or () for alias in self.source(item, frame, ctes)}

    def source(self, item: Any, frame: Frame, ctes: Mapping[str, Columns]) -> set[str]:
        match item:
            case ast.RangeVar() if item.schemaname is None and item.relname in ctes:
                return {self.derived(item.alias, frame, ctes[item.relname], item.relname)}
            case ast.RangeVar():
                source = self.table(item.relname, frame, item.alias)
                alias = item.alias.aliasname if item.alias else item.relname
                key = KEYS[item.relname]
                self.wanted.append((f"{item.relname} {alias}", lambda: key in source.scoped))
                return {alias}
            case ast.RangeSubselect():
                columns = self.query(item.subquery, frame if item.lateral else frame.parent, ctes)
                return {self.derived(item.alias, frame, columns)}
            case ast.RangeFunction():
                self.walk(item.functions, frame, ctes)
                alias = item.alias.aliasname
                names = tuple(name.sval for name in item.alias.colnames or ())
                frame.sources[alias] = Source(names or (alias,))
                return {alias}
            case ast.JoinExpr() if not item.usingClause and not item.isNatural and not item.alias:
                return self.join(item, frame, ctes)
        raise TypeError(f"not known how to check {item!r}")

    def join(self, item: ast.JoinExpr, frame: Frame, ctes: Mapping[str, Columns]) -> set[str]:
        left, right = self.source(item.larg, frame, ctes), self.source(item.rarg, frame, ctes)
        limits = {
            JoinType.JOIN_INNER: left | right,
            JoinType.JOIN_LEFT: right,
            JoinType.JOIN_RIGHT: left,
            JoinType.JOIN_FULL: set(),
        }
        self.condition(item.quals, frame, limits[item.jointype])
        self.walk(item.quals, frame, ctes)
        return left | right

    def table(self, table: str, frame: Frame, alias: Any) -> Source:
        source = Source(tuple(Base.metadata.tables[table].c.keys()))
        frame.sources[alias.aliasname if alias else table] = source
        return source

    def derived(self, alias: Any, frame: Frame, columns: Columns, name: str = "") -> str:
        columns = renamed(columns, [column.sval for column in alias.colnames or ()] if alias else [])
        source = Source(tuple(column for column, _ in columns))
        self.known += [(source, column, holds) for column, holds in columns]
        name = alias.aliasname if alias else name
        frame.sources[name] = source
        return name

    def condition(self, node: Any, frame: Frame, limits: set[str]) -> None:
        """Record what follows from a condition for the aliases that it limits."""
        limited = [frame.sources[alias] for alias in limits]
        for one in conjuncts(node):
            if not isinstance(one, ast.A_Expr) or one.kind != A_Expr_Kind.AEXPR_OP or one.name[-1].sval != "=":
                continue
            for here, there in pairs(one.lexpr, one.rexpr):
                for side, other in ((here, there), (there, here)):
                    found = frame.find(side) if isinstance(side, ast.ColumnRef) else None
                    if found is not None and found[0] in limited:
                        self.known.append((*found, self.org(other, frame)))

    def org(self, node: Any, frame: Frame) -> Holds:
        """Whether an expression is the bound organisation."""
        while isinstance(node, ast.TypeCast):
            node = node.arg
        match node:
            case ast.ParamRef():
                return always if self.bound(node.number) else never
            case ast.ColumnRef():
                found = frame.find(node)
                if found is not None:
                    source, column = found
                    return lambda: column in source.scoped
        return never

    def columns(self, targets: Any, frame: Frame) -> Columns:
        """The columns that a list of expressions returns."""
        found: Columns = []
        for target in targets or ():
            if isinstance(target.val, ast.ColumnRef) and isinstance(target.val.fields[-1], ast.A_Star):
                names = [part.sval for part in target.val.fields[:-1]] or list(frame.sources)
                for source in (frame.sources[name] for name in names):
                    found += [(column, holds_in(source, column)) for column in source.columns]
            else:
                named = target.val.fields[-1].sval if isinstance(target.val, ast.ColumnRef) else ""
                found.append((target.name or named, self.org(target.val, frame)))
        return found

    def walk(self, node: Any, frame: Frame, ctes: Mapping[str, Columns]) -> None:
        """Check the queries inside an expression."""
        if isinstance(node, ast.SelectStmt):
            self.query(node, frame, ctes)
        elif isinstance(node, tuple | list):
            for one in node:
                self.walk(one, frame, ctes)
        elif isinstance(node, ast.Node):
            for name in node:
                self.walk(getattr(node, name), frame, ctes)


def conjuncts(node: Any) -> Iterator[Any]:
    """The conditions that all have to be met."""
    if isinstance(node, ast.BoolExpr) and node.boolop == BoolExprType.AND_EXPR:
        for one in node.args:
            yield from conjuncts(one)
    elif node is not None:
        yield node


def pairs(left: Any, right: Any) -> Iterable[tuple[Any, Any]]:
    """The compared pairs of expressions; rows are compared value by value."""
    if isinstance(left, ast.RowExpr) and isinstance(right, ast.RowExpr):
        return zip(left.args, right.args, strict=True)
    return [(left, right)]


def renamed(columns: Columns, names: list[str]) -> Columns:
    """The columns with other names, as far as there are any."""
    return [(names[nth] if nth < len(names) else name, holds) for nth, (name, holds) in enumerate(columns)]


def holds_in(source: Source, column: str) -> Holds:
    """Whether a column of a source holds the bound organisation."""
    return lambda: column in source.scoped


def both(one: Holds, other: Holds) -> Holds:
    """Whether both hold."""
    return lambda: one() and other()


def every(all_: Iterable[Holds]) -> Holds:
    """Whether all hold."""
    listed = list(all_)
    return lambda: all(holds() for holds in listed)


def always() -> bool:
    """Holds."""
    return True


def never() -> bool:
    """Does not hold."""
    return False
