"""The second wall: how the engine's own parser reads the statement that we wrote (EXPLAIN AST), line by line.

Each line is one node: its kind, what it is called, how many children it has. Kinds, functions and tables are checked
against positive lists, so what sqlglot and the engine might read differently is refused. A name with a newline in it
can only add lines, which are then of no known kind.
"""

import re
from typing import Final

from query.errors import BadStatement
from query.sql import lists
from query.sql.statement import CTE, unknown_function
from schema.sandbox import PREFIX, VIEWS

_NODE = re.compile(r"( *)([\w:]+)(?: (.*))?")
_NAME = re.compile(r"(.*?)(?: \(alias .*\))?(?: \(children \d+\))?")
_KINDS: Final = frozenset(
    """SelectWithUnionQuery SelectIntersectExceptQuery SelectQuery ExpressionList Identifier Literal Asterisk
    QualifiedAsterisk ColumnsTransformerList ColumnsExceptTransformer ColumnsReplaceTransformer
    ColumnsReplaceTransformer::Replacement Subquery TablesInSelectQuery TablesInSelectQueryElement TableExpression
    TableJoin ArrayJoin OrderByElement WindowDefinition WindowListElement WithElement Function TableIdentifier
    QueryParameter""".split()  # noqa: SIM905  # names read better so
)
_SOURCES: Final = frozenset({f"{PREFIX}states_at", "numbers"})


def check(tree: str, database: str) -> None:
    """Raises BadStatement at the first thing that is not on a list."""
    views = {f"{database}.{PREFIX}{name}" for name in VIEWS}
    above: list[tuple[int, str, str]] = []
    before = ""
    for line in tree.splitlines():
        if not line.strip():
            continue
        found = _NODE.fullmatch(line)
        kind = found[2] if found else ""
        if found is None or kind not in _KINDS:
            raise BadStatement(f"{(kind or line.strip())[:60]!r} cannot be used here.", "Write it more plainly.")
        depth = len(found[1])
        while above and above[-1][0] >= depth:
            above.pop()
        rest = found[3] or ""
        _node(kind, rest, above[-1][1] if above else "", views)
        if len(above) > 1 and before.startswith("ExpressionList (") and above[-2][1] == "Function":
            _first(above[-2][2], int(before[-2]) if before[-3] == " " else 9, kind, rest)
        above.append((depth, kind, _called(rest)))
        before = line.strip()


def _node(kind: str, rest: str, parent: str, views: set[str]) -> None:
    name = _called(rest)
    if kind == "Function" and parent == "TableExpression":
        if name not in _SOURCES:
            raise BadStatement(f"FROM {name[:60]}() cannot be used here.", lists.ELSEWHERE.get(name.lower(), ""))
    elif kind == "Function":
        if name.lower() not in lists.FUNCTIONS:
            raise unknown_function(name)
    elif kind == "Identifier" and name.lower().startswith(lists.NO_NAMES):
        raise BadStatement(f"The name {name[:60]} cannot be used here.", "Call the column otherwise: AS x.")
    elif kind == "TableIdentifier" and name not in views and not name.startswith(CTE):
        raise BadStatement(f"There is no view {name[:80]!r}.", f"There are {', '.join(VIEWS)}.")


def _first(function: str, arguments: int, kind: str, rest: str) -> None:
    """The first of several arguments of a function that takes functions is a lambda, never a name."""
    if (
        function.lower() in lists.TAKE_FUNCTIONS
        and arguments > 1
        and not (kind == "Function" and _called(rest) == "lambda")
    ):
        raise BadStatement(f"{function}() takes a lambda first.", f"Write {function}(x -> …, array).")


def _called(rest: str) -> str:
    found = _NAME.fullmatch(rest)
    return found[1] if found else rest
