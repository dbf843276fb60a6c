"""What the timeline needs from the store, as few and as narrow questions as there are parts of the answer.

Lives come from `objects`, changes and states from `marks`, states before the window from `states` (one row per life
and day). Filters on paths and people are asked of `changes`, which has them; a label selector of `events`: a life
belongs to the answer when its labels matched at any moment up to the end of the window. Times are milliseconds after
the start of the window.
"""

from dataclasses import dataclass, replace
from datetime import datetime

import pyarrow as pa

from query import records
from query.models import Hidden
from query.noise_rules import NONE
from query.scope import ChangeFilter, Scope, where, window
from schema.store import Store

LIFE = "cityHash64(toString(cluster), uid)"
"""A life as one number, as the tables `marks` and `states` hold it in `life`."""

_MS = "toInt64(toUnixTimestamp64Milli(ts) - {origin:Int64})"
_WORD = "bitOr(bitShiftLeft(toUInt64(state), 56), bitShiftRight(cityHash64(toString(note)), 8))"
"""State and note as one number that compares by the state and is never 0; `notes` spells them."""

_PERSON = "match(actor_name, '^(kubectl|oc$|oc-|k9s|lens|Lens|OpenLens|headlamp|dashboard|rancher|Mozilla)')"
"""Field managers that are tools in a person's hand: kubectl and its subcommands, and the well-known dashboards."""

EXACT = 200_000
"""Above so many changes a row that a crash left twice may count twice: merging on reading costs half a second."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """A filter, its window (after, until], and whose lives are meant where labels decide."""

    filter: ChangeFilter
    after: datetime
    until: datetime

    @property
    def origin(self) -> int:
        """Start of the window, ms since 1970."""
        return int(self.after.timestamp() * 1000)

    @property
    def span(self) -> int:
        """Length of the window in ms."""
        return max(1, int(self.until.timestamp() * 1000) - self.origin)

    @property
    def scope(self) -> Scope:
        """Without the selector."""
        return replace(self.filter.scope, selector=None)

    def lived(self, params: dict[str, object]) -> list[str]:
        """Conditions on identity, for every table; labels are among them."""
        found = self.scope.conditions(params)
        selector = self.filter.scope.selector
        if selector is not None and selector.requirements:
            params["until"] = self.until
            inner = [*self.scope.conditions(params), "ts <= {until:DateTime64(6, 'UTC')}"]
            matching = where([*inner, selector.sql("object", params)])
            found.append(f"uid IN (SELECT DISTINCT uid FROM events {matching})")
        return found

    def changed(self, params: dict[str, object]) -> list[str]:
        """Conditions on the rows of `marks` that match, hidden ones too."""
        return [*self.lived(params), *window(params, self.after, self.until), *self._matching(params)]

    def shown(self, params: dict[str, object]) -> str:
        """Whether a row of `marks` matches and is not hidden, among those of the lives in the window."""
        return " AND ".join([*self._matching(params), *self.not_hidden(params)]) or "1"

    def not_hidden(self, params: dict[str, object]) -> list[str]:
        """The conditions that hide, over rows of `marks`."""
        quiet = [] if self.filter.noise else [f"NOT {self.noise(params)}"]
        return quiet + ([] if self.filter.first_sight else ["origin != 'list'"])

    def noise(self, params: dict[str, object]) -> str:
        """Whether a row of `marks` is noise. Rules of the operator need paths and managers, which `changes` has."""
        if self.filter.rules == NONE:
            return "(noise != '')"
        within = [*self.scope.conditions(params), *window(params, self.after, self.until)]
        hides = f"({self.filter.rules.hides(params)})"
        return f"(({records.KEY}) IN (SELECT {records.KEY} FROM changes {where([*within, hides])}))"

    def _matching(self, params: dict[str, object]) -> list[str]:
        chosen = replace(self.filter, scope=self.scope)
        if (own := chosen.conditions(params)) == self.scope.conditions(params):
            return []
        within = window(params, self.after, self.until)
        return [f"({records.KEY}) IN (SELECT {records.KEY} FROM changes {where([*own, *within])})"]


def counts(store: Store, question: Question) -> tuple[int, Hidden]:
    """(shown, hidden) changes; rows that stand twice until the store merges them count once, up to EXACT."""
    total, hidden = _counted(store, question, "marks")
    within = total + hidden.noise + hidden.first_sight <= EXACT
    return _counted(store, question, "marks FINAL") if within else (total, hidden)


def _counted(store: Store, question: Question, table: str) -> tuple[int, Hidden]:
    params: dict[str, object] = {}
    conditions = where(question.changed(params))
    shown = " AND ".join(question.not_hidden(params)) or "1"
    is_noise = "false" if question.filter.noise else question.noise(params)
    sights = "false" if question.filter.first_sight else f"origin = 'list' AND NOT {is_noise}"
    sql = f"SELECT countIf({shown}), countIf({is_noise}), countIf({sights}) FROM {table} {conditions}"
    total, noise, first_sight = store.rows(sql, params)[0]
    return total, Hidden(noise=noise, first_sight=first_sight)


def lives(store: Store, question: Question) -> pa.Table:
    """Every life of the scope that touched the window, by lane and time.

    Columns: cluster, namespace, resource (`deployments.apps`), kind, name, uid, life, epoch, and in ms began and ended;
    null = before we looked, still there.
    """
    params: dict[str, object] = {"until": question.until, "after": question.after, "origin": question.origin}
    identity = "cluster, namespace, resource, `group`, name, uid"
    sql = f"""
        SELECT toString(cluster) AS cluster_, toString(namespace) AS namespace_,
            if(`group` = '', resource, concat(resource, '.', `group`)) AS kinds, z.10 AS kind, name, uid,
            {LIFE} AS life, a.1 AS epoch,
            if(a.5 = 'list', NULL, toUnixTimestamp64Milli(a.3) - {{origin:Int64}}) AS began,
            if(z.6 = 'delete' AND z.3 <= {{until:DateTime64(6, 'UTC')}},
               toUnixTimestamp64Milli(z.3) - {{origin:Int64}}, NULL) AS ended
        FROM (
            SELECT {identity}, min(oldest) AS a, max(newest) AS z FROM objects {where(question.lived(params))}
            GROUP BY {identity})
        WHERE a.3 <= {{until:DateTime64(6, 'UTC')}} AND (z.6 != 'delete' OR z.3 > {{after:DateTime64(6, 'UTC')}})
        ORDER BY cluster, namespace, resource, `group`, name, a.3"""
    names = ["cluster", "namespace", "resource", "kind", "name", "uid", "life", "epoch", "began", "ended"]
    return store.arrow(sql, params).rename_columns(names)


def marks(store: Store, question: Question) -> pa.Table:
    """Every change in order of time, those too that match nothing or are hidden (n = 0): they say how things were.

    Columns: life, ms, n, newest (ms when shown, else -1), class, op_, actor, person, seq, error in ms, epoch, noise_,
    word (0 = says nothing).
    """
    params: dict[str, object] = {"origin": question.origin}
    within = where([*question.lived(params), *window(params, question.after, question.until)])
    sql = f"""
        SELECT life, {_MS} AS ms, toUInt8({question.shown(params)}) AS n, if(n, ms, -1) AS newest, class,
            toUInt8(indexOf(['update', 'delete'], toString(op))) AS op_, toString(actor_name) AS actor,
            toUInt8({_PERSON}) AS person, seq, toInt64(ceil(ts_error * 1000)) AS error, epoch,
            toUInt8({question.noise(params)}) AS noise_, if(state < 0, 0, {_WORD}) AS word
        FROM marks FINAL {within} ORDER BY ts, resource, `group`, rv_order"""
    return store.arrow(sql, params)


def bins(store: Store, question: Question, width: int) -> pa.Table:
    """Per life and step of `width` ms, in one pass; in no order.

    Columns: life, bin, n (shown changes), flags (bit 0 to 6: a shown change of that class; bit 7: by a person), newest
    (ms of the newest shown change, -1 = none), worst and final (word of the worst and of the last state; 0 = none).
    """
    params: dict[str, object] = {"origin": question.origin, "width": width}
    within = where([*question.lived(params), *window(params, question.after, question.until)])
    word = f"if(state < 0, 0, {_WORD})"
    flags = f"bitOr(bitShiftLeft(toUInt8(1), class), bitShiftLeft(toUInt8({_PERSON}), 7))"
    sql = f"""
        SELECT life, toInt32(intDiv({_MS}, {{width:Int64}})) AS bin, toUInt32(sum(shown)) AS n,
            groupBitOr(if(shown, {flags}, 0)) AS flags, max(if(shown, {_MS}, -1)) AS newest, max({word}) AS worst,
            argMaxIf({_WORD}, ts, state >= 0) AS final
        FROM (SELECT life, ts, class, actor_name, state, note, toUInt8({question.shown(params)}) AS shown
            FROM marks {within})
        GROUP BY life, bin HAVING n > 0 OR worst > 0 ORDER BY bin"""
    return store.arrow(sql, params)


def before(store: Store, question: Question) -> pa.Table:
    """(life, word): the last word on each life up to the start of the window: of the days before, and of the day."""
    params: dict[str, object] = {"after": question.after}
    lived = question.lived(params)
    day = "toDate({after:DateTime64(6, 'UTC')})"
    today = [*lived, f"ts >= toDateTime({day}, 'UTC')", "ts <= {after:DateTime64(6, 'UTC')}", "state >= 0"]
    sql = f"""
        SELECT life, argMax(word, ts) AS word_ FROM (
            SELECT life, {_WORD} AS word, ts FROM states {where([*lived, f"day < {day}"])}
            UNION ALL
            SELECT life, {_WORD} AS word, ts FROM marks {where(today)})
        GROUP BY life"""
    return store.arrow(sql, params).rename_columns(["life", "word"])


def owners(store: Store, question: Question) -> pa.Table:
    """(life, owner): the life of the controller of each that has one."""
    params: dict[str, object] = {}
    conditions = where([*question.lived(params), "owner != ''"])
    sql = f"""
        SELECT life, any(cityHash64(toString(cluster), owner)) AS controller FROM states {conditions} GROUP BY life"""
    return store.arrow(sql, params).rename_columns(["life", "owner"])


def notes(store: Store, question: Question) -> dict[int, str]:
    """Every note that may be spelled, by the number that a word has for it: there are few."""
    params: dict[str, object] = {"until": question.until, "after": question.after}
    mine = question.scope.conditions(params)
    days = where([*mine, "day < toDate({after:DateTime64(6, 'UTC')})"])
    today = "ts >= toDateTime(toDate({after:DateTime64(6, 'UTC')}), 'UTC') AND ts <= {until:DateTime64(6, 'UTC')}"
    sql = f"""
        SELECT DISTINCT bitShiftRight(cityHash64(note), 8), note FROM (
            SELECT DISTINCT toString(note) AS note FROM states {days}
            UNION ALL SELECT DISTINCT toString(note) AS note FROM marks {where([*mine, today])})"""
    return {number: str(note) for number, note in store.rows(sql, params)}


def overview(store: Store, question: Question, columns: int) -> tuple[int, list[int], list[int]]:
    """(ms per column, loud counts, quiet counts) of the shown changes."""
    width = -(-question.span // columns)
    params: dict[str, object] = {"origin": question.origin, "width": width}
    conditions = where([*question.changed(params), *question.not_hidden(params)])
    sql = f"""
        SELECT intDiv({_MS}, {{width:Int64}}) AS bin, countIf(class >= 2), countIf(class < 2)
        FROM marks {conditions} GROUP BY bin"""
    loud, quiet = [0] * columns, [0] * columns
    for bin_, more, less in store.rows(sql, params):
        place = min(max(bin_, 0), columns - 1)
        loud[place] += more
        quiet[place] += less
    return width, loud, quiet
