"""The first wall: SQL is parsed, checked node by node against what is allowed, and written anew from what was read.

One SELECT, UNION or WITH over the documented views. What is not on a list is refused by its name, with what to write
instead. Names of common table expressions get a prefix, so that none can be taken for a table; views get their
database; `states_at('2h')` gets the instant that its text means. sqlglot (dialect clickhouse) is parser and writer.
"""

import logging
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

import sqlglot
from sqlglot import exp
from sqlglot.errors import ParseError, SqlglotError

from query.errors import BadStatement
from query.sql import lists
from schema.sandbox import PREFIX, VIEWS
from schema.store import Params

LONGEST: Final = 20_000
"""Characters of a statement."""
DEEPEST: Final = 60
MOST_NUMBERS: Final = 10_000_000
CTE: Final = "cte_"

Instant = Callable[[str], datetime]
"""What a text means as a time; raises BadTime."""

_VIEWS_HINT = f"There are {', '.join(VIEWS)}; kubelapse sql --schema describes them."
_WORD = re.compile(r"[A-Za-z_]\w*")
_QUERIES = (exp.Select, exp.SetOperation, exp.Subquery)
_PARTS: Final[Mapping[type[exp.Expr], frozenset[str]]] = {
    exp.Select: frozenset(
        {"with_", "expressions", "from_", "joins", "where", "group", "having", "order", "limit", "offset",
         "distinct", "windows", "qualify", "laterals"}
    ),
    exp.SetOperation: frozenset({"with_", "this", "expression", "distinct", "order", "limit", "offset"}),
    exp.Subquery: frozenset({"this", "alias", "with_", "order", "limit", "offset", "joins"}),
    exp.Table: frozenset({"this", "alias", "joins"}),
    exp.With: frozenset({"expressions"}),
    exp.Group: frozenset({"expressions", "all", "cube", "rollup", "grouping_sets"}),
    exp.CTE: frozenset({"this", "alias", "scalar"}),
    exp.Distinct: frozenset({"expressions", "on"}),
    exp.Limit: frozenset({"this", "expression", "expressions", "limit_options"}),
    exp.Join: frozenset({"this", "on", "using", "kind", "side", "method"}),
}  # fmt: skip
_NODES: Final = (
    exp.Select, exp.SetOperation, exp.Subquery, exp.With, exp.CTE, exp.Table, exp.TableAlias, exp.From, exp.Join,
    exp.Where, exp.Group, exp.Cube, exp.Rollup, exp.GroupingSets, exp.Having, exp.Order, exp.Ordered,
    exp.Limit, exp.Offset, exp.Distinct, exp.Qualify, exp.Window, exp.WindowSpec, exp.Column, exp.Identifier, exp.Star,
    exp.Alias, exp.Aliases, exp.Literal, exp.Boolean, exp.Null, exp.Paren, exp.Tuple, exp.Array, exp.Lambda,
    exp.Placeholder, exp.DataType, exp.DataTypeParam, exp.Interval, exp.Var, exp.Bracket, exp.Dot, exp.Binary,
    exp.Unary, exp.In, exp.Between, exp.Case, exp.If, exp.Cast, exp.Func, exp.IgnoreNulls, exp.RespectNulls, exp.Filter,
    exp.IntervalSpan, exp.WithinGroup, exp.ColumnDef, exp.PropertyEQ, exp.Kwarg, exp.Exists, exp.WithFill,
    exp.LimitOptions, exp.HexString, exp.JSONPath, exp.JSONPathPart,
)  # fmt: skip


@dataclass(slots=True)
class Statement:
    """What was understood. `sql` is ours; `moments`: the instants of states_at, None among them where unknown."""

    sql: str = ""
    views: set[str] = field(default_factory=set)
    parameters: set[str] = field(default_factory=set)
    moments: list[datetime | None] = field(default_factory=list)


def understand(text: str, params: Params, *, instant: Instant, database: str, later: bool = False) -> Statement:
    """The statement as it will run. `later`: values may come when it is asked. Raises BadStatement, BadTime."""
    tree = _parsed(text)
    found = Statement()
    try:
        _Checker(found, params, instant, database, later=later).check(tree)
        found.sql = tree.sql(dialect="clickhouse", identify=True, comments=False)
    except RecursionError:
        raise BadStatement("The statement is nested too deeply.", "Take it apart with WITH.") from None
    except (SqlglotError, AttributeError, TypeError, ValueError, KeyError) as error:
        if isinstance(error, ValueError) and isinstance(error, BadStatement):
            raise
        raise BadStatement("The statement cannot be written again.", "Write it more plainly.") from error
    if unused := sorted(set(params) - found.parameters):
        raise BadStatement(f"The statement has no parameter {', '.join(unused)[:200]}.", "Write it as {name:String}.")
    return found


def _parsed(text: str) -> exp.Expr:
    if not text.strip():
        raise BadStatement("There is no statement.", "SELECT * FROM changes ORDER BY ts DESC LIMIT 10")
    if len(text) > LONGEST:
        raise BadStatement(f"The statement is {len(text)} characters long.", f"At most {LONGEST} are read.")
    if "\0" in text or _depth(text) > DEEPEST:
        raise BadStatement("The statement is nested too deeply.", "Take it apart with WITH.")
    logging.getLogger("sqlglot").setLevel(logging.CRITICAL)  # it warns of what is refused here anyway
    try:
        every = [tree for tree in sqlglot.parse(text, dialect="clickhouse") if tree is not None]
    except RecursionError:
        raise BadStatement("The statement is nested too deeply.", "Take it apart with WITH.") from None
    except SqlglotError as error:
        raise BadStatement(f"This is not understood: {_plain(str(error))}.", "One SELECT is, as ClickHouse has it.").at(
            *_place(error)
        ) from error
    except Exception as error:  # a parser fed with anything; whatever it stumbles over is no statement
        raise BadStatement("This is not understood.", "One SELECT is, as ClickHouse has it.") from error
    if len(every) != 1:
        raise BadStatement(f"There are {len(every)} statements.", "Send one at a time.")
    if not isinstance(every[0], _QUERIES):
        raise BadStatement("Only SELECT, UNION and WITH can be asked.", "History is only read here, never changed.")
    return every[0]


def _depth(text: str) -> int:
    """Of brackets; those in strings count too, which harms nobody."""
    deepest = depth = 0
    for char in text:
        depth += (char in "([{") - (char in ")]}")
        deepest = max(deepest, depth)
    return deepest


def _place(error: SqlglotError) -> tuple[int, int]:
    """Line and column where the parser stopped, 0 where it does not say."""
    known = error.errors[0] if isinstance(error, ParseError) and error.errors else {}
    if "line" in known:
        return int(known["line"] or 0), int(known["col"] or 0)
    said = re.search(r"line (\d+), col:? (\d+)", str(error), re.IGNORECASE)
    return (int(said[1]), int(said[2])) if said else (0, 0)


def _plain(text: str) -> str:
    """sqlglot's own sentence, without its underlining."""
    return " ".join(re.sub(r"\x1b\[\d*m", "", text).split())[:300].rstrip(".")


class _Checker:
    """Walks once over the tree, changes it where tables stand, and raises at what is not allowed."""

    def __init__(
        self, found: Statement, params: Params, instant: Instant, database: str, *, later: bool = False
    ) -> None:
        self._later = later
        self._found = found
        self._params = params
        self._instant = instant
        self._database = database
        self._ctes: set[str] = set()

    def check(self, tree: exp.Expr) -> None:
        nodes = list(tree.walk())
        node = tree
        try:
            for node in nodes:
                self._known(node)
                if isinstance(node, exp.CTE):
                    self._name(node)
            for node in nodes:
                self._one(node)
        except BadStatement as error:
            raise error.at(*_stands(node)) from None

    @staticmethod
    def _known(node: exp.Expr) -> None:
        """Its class, and its parts, are on the list."""
        if not isinstance(node, _NODES) or isinstance(node, exp.Command | exp.Final | exp.JSONCast):
            raise _refused(node)
        for kind, parts in _PARTS.items():
            if isinstance(node, kind):
                for name, value in node.args.items():
                    if value and name not in parts and not (kind is exp.Table and name in ("db", "catalog")):
                        raise BadStatement(
                            f"{_spoken(name)} cannot be used here.",
                            "Limits are the server's, and so is the format: ask with limit and output.",
                        )

    def _name(self, cte: exp.CTE) -> None:
        """A name with our prefix; a scalar (`WITH 5 AS n`) keeps its name, it is no table."""
        alias = cte.args.get("alias")
        if cte.args.get("scalar") or not isinstance(cte.this, _QUERIES) or alias is None:
            return
        name = alias.this
        if isinstance(name, exp.Identifier) and not name.this.startswith(CTE):
            self._ctes.add(name.this)
            name.set("this", CTE + name.this)

    def _one(self, node: exp.Expr) -> None:
        match node:
            case exp.Table():
                self._table(node)
            case exp.Placeholder():
                self._parameter(node)
            case exp.DataType():
                _check_type(node.sql("clickhouse"), lists.TYPES)
            case exp.In():
                _check_in(node)
            case exp.Column() if node.name.lower().startswith(lists.NO_NAMES):
                raise BadStatement(
                    f"The name {node.name[:60]} cannot be used here.", "Call the column otherwise: AS x."
                )
            case exp.Dot():
                if isinstance(node.expression, exp.Func):
                    raise BadStatement("Functions have no database.", "Write the function's name alone.")
            case exp.Star():
                if {name for name, value in node.args.items() if value} - {"except_", "replace", "except"}:
                    raise BadStatement("After * only EXCEPT and REPLACE can be used.", "Name the columns.")
            case exp.Func():
                _check_function(node)

    # --- tables

    def _table(self, table: exp.Table) -> None:
        if table.args.get("db") or table.args.get("catalog"):
            raise BadStatement(f"{table.sql('clickhouse')[:80]} cannot be read.", _VIEWS_HINT)
        source = table.this
        if isinstance(source, exp.Func):
            self._source(table, source)
            return
        name = source.this if isinstance(source, exp.Identifier) else ""
        if name in self._ctes:
            table.set("this", exp.to_identifier(CTE + name, quoted=True))
        elif name in VIEWS and name != "states_at":
            self._found.views.add(name)
            table.set("this", exp.to_identifier(PREFIX + name, quoted=True))
            table.set("db", exp.to_identifier(self._database, quoted=True))
        elif name == "states_at":
            raise BadStatement("states_at needs a moment.", "FROM states_at('2h'), or states_at({at:String}).")
        else:
            raise BadStatement(f"There is no view {str(name)[:80]!r}.", _VIEWS_HINT)
        if not table.alias:
            table.set("alias", exp.TableAlias(this=exp.to_identifier(name, quoted=True)))

    def _source(self, table: exp.Table, source: exp.Func) -> None:
        """A table function: states_at or numbers."""
        name = _function_name(source).lower()
        given = list(source.expressions)
        if name == "states_at":
            self._found.views.add(name)
            moment = self._moment(given)
            table.set("this", exp.Anonymous(this=f"{PREFIX}states_at", expressions=[moment]))
        elif name == "numbers":
            if not 1 <= len(given) <= 2 or not all(_small(each) for each in given):
                raise BadStatement("numbers takes one or two small numbers.", f"numbers(100), at most {MOST_NUMBERS}.")
            table.set("this", exp.Anonymous(this="numbers", expressions=given))
        else:
            raise BadStatement(f"FROM {name[:40]}() cannot be used here.", lists.ELSEWHERE.get(name, _VIEWS_HINT))
        if not table.alias:
            table.set("alias", exp.TableAlias(this=exp.to_identifier(name, quoted=True)))

    def _moment(self, given: list[exp.Expr]) -> exp.Expr:
        """`T = …` of states_at: a text in our grammar of times, or an expression without columns."""
        value = given[0] if len(given) == 1 else None
        if isinstance(value, exp.EQ | exp.PropertyEQ) and value.this.name == "T":
            value = value.expression
        if value is None:
            raise BadStatement("states_at takes one moment.", "FROM states_at('2h').")
        if isinstance(value, exp.Placeholder):
            text: str | None = str(self._params.get(value.name, "now" if self._later else ""))
            self._found.parameters.add(value.name)
        else:
            text = value.this if isinstance(value, exp.Literal) and value.is_string else None
        if text is None:
            if value.find(exp.Column, exp.Query, exp.Star, exp.Table):
                raise BadStatement("The moment of states_at is no constant.", "Write a time: states_at('2h').")
            self._found.moments.append(None)
            fixed = value
        else:
            at = self._instant(text)
            self._found.moments.append(at)
            fixed = exp.Literal.string(f"{at:%Y-%m-%d %H:%M:%S.%f}")
        typed = exp.Anonymous(
            this="toDateTime64", expressions=[fixed.copy(), exp.Literal.number(6), exp.Literal.string("UTC")]
        )
        return exp.EQ(this=exp.Var(this="T"), expression=typed)

    def _parameter(self, node: exp.Placeholder) -> None:
        name, kind = node.name, node.args.get("kind")
        if not _WORD.fullmatch(name) or not isinstance(kind, exp.DataType):
            raise BadStatement("A parameter is written {name:Type}.", "For example {name:String}.")
        _check_type(kind.sql("clickhouse"), lists.PARAMETERS)
        if name not in self._params and not self._later:
            raise BadStatement(f"Parameter {name[:80]!r} has no value.", f"Send it: --param {name}=…")
        self._found.parameters.add(name)


def _stands(node: exp.Expr) -> tuple[int, int]:
    """Line and column of a node, or of the first one within it that has a place."""
    for each in node.walk():
        if "line" in each.meta:
            return int(each.meta["line"]), int(each.meta["col"])
    return 0, 0


def _refused(node: exp.Expr) -> BadStatement:
    spoken = _spoken(type(node).__name__)
    if isinstance(node, exp.Final):
        return BadStatement("FINAL cannot be used here.", "Duplicates are resolved already: leave it out.")
    return BadStatement(f"{spoken} cannot be used here.", "Ask with SELECT, WITH, JOIN, GROUP BY, window functions.")


def _spoken(name: str) -> str:
    """`with_` → WITH, `TableSample` → TABLE SAMPLE."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])|_", " ", name.strip("_")).upper()


def _function_name(node: exp.Expr) -> str:
    """As it will be written."""
    if isinstance(node, exp.Anonymous | exp.AnonymousAggFunc | exp.CombinedAggFunc | exp.ParameterizedAgg):
        this = node.this
        return str(this.this if isinstance(this, exp.Expr) else this)
    return node.sql_name() if isinstance(node, exp.Func) else ""


def _check_function(node: exp.Func) -> None:
    """Functions that the parser does not know by a class of its own; the rest is checked in the engine's tree."""
    name = _function_name(node)
    own = isinstance(node, exp.Anonymous | exp.AnonymousAggFunc | exp.CombinedAggFunc | exp.ParameterizedAgg)
    if own and isinstance(node.parent, exp.Table):
        return
    if own and name.lower() not in lists.FUNCTIONS:
        raise unknown_function(name)
    given = [value for part in node.args.values() for value in (part if isinstance(part, list) else [part])]
    first = next((value for value in given if isinstance(value, exp.Expr)), None)
    several = sum(isinstance(value, exp.Expr) for value in given) > 1
    if name.lower() in lists.TAKE_FUNCTIONS and several and not isinstance(first, exp.Lambda):
        raise BadStatement(f"{name[:60]}() takes a lambda first.", f"Write {name[:60]}(x -> …, array).")
    if name.lower() in lists.TYPED_BY_TEXT and len(node.expressions) > 1:
        kind = node.expressions[-1]
        if not (isinstance(kind, exp.Literal) and kind.is_string):
            raise BadStatement(f"The type in {name} is no text.", "JSONExtract(object, 'spec', 'Array(String)').")
        _check_type(kind.this, lists.TYPES)


def unknown_function(name: str) -> BadStatement:
    """That a function is not on the list, with what to do instead where that is known."""
    other = lists.ELSEWHERE.get(name.lower(), "docs/sql.md lists the functions that can be used.")
    return BadStatement(f"The function {name[:60]}() cannot be used here.", other)


def _check_type(text: str, allowed: frozenset[str]) -> None:
    if len(text) > 200 or any(word.lower() not in allowed for word in _WORD.findall(text.replace("'UTC'", ""))):
        raise BadStatement(
            f"The type {text[:60]} cannot be used here.", "String, Int64, Float64, DateTime64(6), Array(…)."
        )


def _check_in(node: exp.In) -> None:
    """On the right a list, a query or a parameter: a bare name there would mean a table."""
    single = node.args.get("field") or (node.expressions[0] if len(node.expressions) == 1 else None)
    if isinstance(single, exp.Paren):
        single = single.unnest()
    if isinstance(single, exp.Column | exp.Identifier | exp.Dot | exp.Table):
        raise BadStatement(
            f"IN {single.sql('clickhouse')[:60]} would mean a table.", "Write IN (SELECT … FROM …), or has(array, x)."
        )


def _small(node: exp.Expr) -> bool:
    """A plain number, not too large."""
    return isinstance(node, exp.Literal) and node.this.isdigit() and int(node.this) <= MOST_NUMBERS
