"""What Citus refuses of a statement, or sends to more nodes than that of its organisation: read off its tree.

The rules are those of Citus 14: changes are planned for one shard, functions of the time are evaluated by the node that
plans, and never inside CASE and COALESCE, which are evaluated lazily.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from pglast import ast, parse_sql
from pglast.enums import A_Expr_Kind, OnConflictAction

from tests.support.sql.tenancy import KEYS

Volatility = Mapping[tuple[str, int], str]
"""`v` (VOLATILE), `s` (STABLE) or `i` (IMMUTABLE) of each function, by its name and its number of arguments."""

VOLATILITIES = """
SELECT proname AS name, pronargs AS arguments,
    CASE WHEN bool_or(provolatile = 'v') THEN 'v' WHEN bool_or(provolatile = 's') THEN 's' ELSE 'i' END AS volatility
FROM pg_proc WHERE NOT CAST('timetz' AS regtype) = ANY(proargtypes) GROUP BY 1, 2
"""
"""Without those of a time with a zone, which no column has: the same functions of an instant are IMMUTABLE."""

CHANGES = (ast.InsertStmt, ast.UpdateStmt, ast.DeleteStmt)
LAZY = (ast.CaseExpr, ast.CoalesceExpr)


def nodes(tree: Any) -> Iterator[Any]:
    """A node and all nodes below it."""
    if isinstance(tree, tuple | list):
        for one in tree:
            yield from nodes(one)
    elif isinstance(tree, ast.Node):
        yield tree
        for name in tree:
            yield from nodes(getattr(tree, name))


def refused(sql: str, volatility: Volatility) -> list[str]:
    """What Citus refuses of a statement of one organisation, each with the part at fault."""
    return sorted({fault for one in parse_sql(sql) for fault in _refused(one.stmt, volatility)})


def locks_rows(sql: str) -> bool:
    """Whether a statement locks rows of a SELECT: Citus can on one shard only."""
    return any(isinstance(node, ast.LockingClause) for node in nodes(parse_sql(sql)))


def changes(sql: str) -> bool:
    """Whether a statement changes rows."""
    return any(isinstance(node, CHANGES) for node in nodes(parse_sql(sql)))


def _refused(tree: Any, volatility: Volatility) -> Iterator[str]:
    found = list(nodes(tree))
    ctes = {node.ctename: node.ctequery for node in found if isinstance(node, ast.CommonTableExpr)}
    made = [node for node in found if isinstance(node, CHANGES)]
    # One that is volatile anywhere keeps a change from being planned; a query, only inside WITH.
    for part in [tree] if made else ctes.values():
        yield from (f"VOLATILE {name}" for name in _functions(part, "v", volatility))
    for change in made:
        yield from _of_change(change, volatility)
        if isinstance(change, ast.InsertStmt):
            yield from _of_insert(change, ctes)


def _of_change(change: Any, volatility: Volatility) -> Iterator[str]:
    conflict = getattr(change, "onConflictClause", None)
    if conflict is not None and conflict.action == OnConflictAction.ONCONFLICT_UPDATE:
        for name in _functions((conflict.targetList, conflict.whereClause), "vs", volatility):
            yield f"ON CONFLICT {name}"
    for name in _functions(change.returningClause, "vs", volatility):
        yield f"RETURNING {name}"
    if isinstance(change, ast.InsertStmt):
        return
    for part in (getattr(change, "targetList", None), change.whereClause):
        for node in nodes(part):
            if isinstance(node, LAZY):
                yield from (f"{name} in CASE or COALESCE" for name in _functions(node, "vs", volatility))
            elif isinstance(node, ast.FuncCall) and _of_row(node.args):
                yield from (f"{name} of a column" for name in _functions(_bare(node), "s", volatility))
            elif _adds_interval(node) and (_is_instant(node.lexpr) or _is_instant(node.rexpr)):
                yield "interval added to a column"


def _of_insert(change: ast.InsertStmt, ctes: Mapping[str, Any]) -> Iterator[str]:
    """Rows of a change that are inserted elsewhere go to every node, unless a table names the organisation."""
    tables = [node.relname for node in nodes(getattr(change.selectStmt, "fromClause", None)) if _is_table(node)]
    of_changes = [name for name in tables if name in ctes and isinstance(ctes[name], CHANGES)]
    own = [name for name in tables if name in KEYS and name not in ctes]
    if of_changes and not own:
        yield f"INSERT INTO {change.relation.relname} from {of_changes[0]} alone"
    if of_changes and own:
        names = [column.name for column in change.cols]
        value = change.selectStmt.targetList[names.index(KEYS[change.relation.relname])].val
        if not isinstance(value, ast.ColumnRef):
            yield f"INSERT INTO {change.relation.relname} of no table's organisation"


def _functions(tree: Any, kinds: str, volatility: Volatility) -> Iterator[str]:
    """The functions of these volatilities below a node."""
    for node in nodes(tree):
        if isinstance(node, ast.SQLValueFunction) and "s" in kinds:
            yield "CURRENT_TIMESTAMP"
        elif isinstance(node, ast.FuncCall):
            name = node.funcname[-1].sval
            if volatility.get((name, len(node.args or ())), "i") in kinds:
                yield name


def _bare(node: ast.FuncCall) -> ast.FuncCall:
    """The call without its arguments, as far as its volatility is looked up."""
    return ast.FuncCall(funcname=node.funcname, args=tuple(ast.A_Const(isnull=True) for _ in node.args or ()))


def _of_row(tree: Any) -> bool:
    return any(isinstance(node, ast.ColumnRef) for node in nodes(tree))


def _is_table(node: Any) -> bool:
    return isinstance(node, ast.RangeVar)


def _adds_interval(node: Any) -> bool:
    """Whether a node adds an interval or takes it off, which depends on the time zone unless the other is in one."""
    if not isinstance(node, ast.A_Expr) or node.kind != A_Expr_Kind.AEXPR_OP or node.name[-1].sval not in "+-":
        return False
    casts = [side for side in (node.lexpr, node.rexpr) if isinstance(side, ast.TypeCast)]
    return any(cast.typeName.names[-1].sval == "interval" for cast in casts)


def _is_instant(node: Any) -> bool:
    return isinstance(node, ast.ColumnRef)
