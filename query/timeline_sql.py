"""What the timeline needs from the store, as few and as narrow questions as there are parts of the answer.

Lives come from `objects`, changes and states from `marks`, states before the window from `states` (one row per life
and day). Filters on paths and people are asked of `changes`, which has them; a label selector of `events`: a life
belongs to the answer when its labels matched at any moment up to the end of the window. Times are milliseconds after
the start of the window.
"""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import msgspec

from query import records
from query.models import Hidden
from query.scope import ChangeFilter, Scope, where, window
from schema.store import Store

LIFE = "cityHash64(toString(cluster), uid)"
"""A life as one number, as the tables `marks` and `states` hold it in `life`."""

_MS = "toInt64(toUnixTimestamp64Milli(ts) - {origin:Int64})"
_WORD = "bitOr(bitShiftLeft(toUInt64(state), 56), bitShiftRight(cityHash64(toString(note)), 8))"
"""State and note as one number that compares by the state; `_notes` spells them."""

_PERSON = "match(toString(actor_name), '^(kubectl|oc$|oc-|k9s|lens|Lens|OpenLens|headlamp|dashboard|rancher|Mozilla)')"
"""Field managers that are tools in a person's hand: kubectl and its subcommands, and the well-known dashboards."""

EXACT = 200_000
"""Above so many changes a row that a crash left twice may count twice: merging on reading costs half a second."""

Said = tuple[int, int, str]
"""(ms, state, note)."""


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
        within = window(params, self.after, self.until)
        found = [*self.lived(params), *within]
        chosen = replace(self.filter, scope=self.scope)
        if (own := chosen.conditions(params)) != self.scope.conditions(params):
            found.append(f"({records.KEY}) IN (SELECT {records.KEY} FROM changes {where([*own, *within])})")
        return found


class LifeRow(msgspec.Struct, frozen=True):
    """One life that touched the window. `began`, `ended`: ms; None = before we looked, still there."""

    cluster: str
    namespace: str
    resource: str
    kind: str
    name: str
    uid: str
    key: int
    epoch: int
    began: int | None
    ended: int | None

    @property
    def place(self) -> tuple[str, str, str, str]:
        """Of its lane: a name keeps it over all its lives."""
        return self.cluster, self.namespace, self.resource, self.name


def counts(store: Store, question: Question) -> tuple[int, Hidden]:
    """(shown, hidden) changes; rows that stand twice until the store merges them count once, up to EXACT."""
    total, hidden = _counted(store, question, "marks")
    within = total + hidden.noise + hidden.first_sight <= EXACT
    return _counted(store, question, "marks FINAL") if within else (total, hidden)


def _counted(store: Store, question: Question, table: str) -> tuple[int, Hidden]:
    params: dict[str, object] = {}
    conditions = where(question.changed(params))
    shown = " AND ".join(question.filter.shown()) or "1"
    sql = f"SELECT countIf({shown}), {question.filter.hidden_counts()} FROM {table} {conditions}"
    total, noise, first_sight = store.rows(sql, params)[0]
    return total, Hidden(noise=noise, first_sight=first_sight)


def lives(store: Store, question: Question) -> list[LifeRow]:
    """Every life of the scope that touched the window, by lane and time."""
    params: dict[str, object] = {"until": question.until, "after": question.after, "origin": question.origin}
    identity = "cluster, namespace, resource, `group`, name, uid"
    sql = f"""
        SELECT toString(cluster), toString(namespace), if(`group` = '', resource, concat(resource, '.', `group`)),
            z.10, name, uid, {LIFE}, a.1,
            if(a.5 = 'list', NULL, toUnixTimestamp64Milli(a.3) - {{origin:Int64}}),
            if(z.6 = 'delete' AND z.3 <= {{until:DateTime64(6, 'UTC')}},
               toUnixTimestamp64Milli(z.3) - {{origin:Int64}}, NULL)
        FROM (
            SELECT {identity}, min(oldest) AS a, max(newest) AS z FROM objects {where(question.lived(params))}
            GROUP BY {identity})
        WHERE a.3 <= {{until:DateTime64(6, 'UTC')}} AND (z.6 != 'delete' OR z.3 > {{after:DateTime64(6, 'UTC')}})
        ORDER BY cluster, namespace, resource, `group`, name, a.3"""
    return [LifeRow(*row) for row in zip(*_columns(store, sql, params), strict=True)]


def marks(store: Store, question: Question) -> list[list[Any]]:
    """Every shown change in order of time: life, ms, class, op, actor, person, seq, error in ms, epoch, noise."""
    params: dict[str, object] = {"origin": question.origin}
    conditions = where([*question.changed(params), *question.filter.shown()])
    sql = f"""
        SELECT life, {_MS}, class, indexOf(['update', 'delete'], toString(op)), toString(actor_name), {_PERSON}, seq,
            toInt64(ceil(ts_error * 1000)), epoch, noise != ''
        FROM marks FINAL {conditions} ORDER BY ts, resource, `group`, rv_order"""
    return _columns(store, sql, params)


def bins(store: Store, question: Question, width: int) -> list[list[Any]]:
    """Per life and step of `width` ms: life, step, count, highest class, whether a person was there, newest ms."""
    params: dict[str, object] = {"origin": question.origin, "width": width}
    conditions = where([*question.changed(params), *question.filter.shown()])
    sql = f"""
        SELECT life, intDiv({_MS}, {{width:Int64}}) AS bin, count(), max(class), max({_PERSON}), max({_MS})
        FROM marks {conditions} GROUP BY life, bin ORDER BY life, bin"""
    return _columns(store, sql, params)


def states(store: Store, question: Question, width: int) -> dict[int, list[Said]]:
    """What was said of every life up to the end of the window, in order; -1 ms: before it. `width`: see `_steps`."""
    found = _before(store, question)
    for key, later in (_steps(store, question, width) if width > 1 else _each(store, question)).items():
        found[key] = [*found.get(key, []), *later]
    return found


def owners(store: Store, question: Question) -> dict[int, str]:
    """Uid of the controller of each life that has one."""
    params: dict[str, object] = {}
    conditions = where([*question.lived(params), "owner != ''"])
    life, owner = _columns(store, f"SELECT life, any(owner) FROM states {conditions} GROUP BY life", params)
    return dict(zip(life, owner, strict=True))


def overview(store: Store, question: Question, columns: int) -> tuple[int, list[int], list[int]]:
    """(ms per column, loud counts, quiet counts) of the shown changes."""
    width = -(-question.span // columns)
    params: dict[str, object] = {"origin": question.origin, "width": width}
    conditions = where([*question.changed(params), *question.filter.shown()])
    sql = f"""
        SELECT intDiv({_MS}, {{width:Int64}}) AS bin, countIf(class >= 2), countIf(class < 2)
        FROM marks {conditions} GROUP BY bin"""
    loud, quiet = [0] * columns, [0] * columns
    for bin_, more, less in store.rows(sql, params):
        place = min(max(bin_, 0), columns - 1)
        loud[place] += more
        quiet[place] += less
    return width, loud, quiet


def _before(store: Store, question: Question) -> dict[int, list[Said]]:
    """The last word on each life up to the start of the window: of the days before, and of the day itself."""
    params: dict[str, object] = {"after": question.after}
    lived = question.lived(params)
    day = "toDate({after:DateTime64(6, 'UTC')})"
    today = [*lived, f"ts >= toDateTime({day}, 'UTC')", "ts <= {after:DateTime64(6, 'UTC')}", "state >= 0"]
    sql = f"""
        SELECT life, argMax(word, ts) FROM (
            SELECT life, {_WORD} AS word, ts FROM states {where([*lived, f"day < {day}"])}
            UNION ALL
            SELECT life, {_WORD} AS word, ts FROM marks {where(today)})
        GROUP BY life"""
    spelled = _Spelled(_notes(store, question))
    return {key: [(-1, *spelled[word])] for key, word in zip(*_columns(store, sql, params), strict=True)}


def _each(store: Store, question: Question) -> dict[int, list[Said]]:
    params: dict[str, object] = {"origin": question.origin}
    within = where([*question.lived(params), *window(params, question.after, question.until), "state >= 0"])
    sql = f"SELECT life, {_MS}, state, toString(note) FROM marks {within} ORDER BY life, epoch, seq"
    found: dict[int, list[Said]] = {}
    for key, at, state, note in zip(*_columns(store, sql, params), strict=True):
        found.setdefault(key, []).append((at, state, note))
    return found


def _steps(store: Store, question: Question, width: int) -> dict[int, list[Said]]:
    """Of a step of `width` ms the worst state stands at its start, what came last in it at the start of the next."""
    params: dict[str, object] = {"origin": question.origin, "width": width}
    within = where([*question.lived(params), *window(params, question.after, question.until), "state >= 0"])
    sql = f"""
        SELECT life, intDiv({_MS}, {{width:Int64}}) AS bin, max({_WORD}), argMax({_WORD}, ts)
        FROM marks {within} GROUP BY life, bin ORDER BY life, bin"""
    spelled, found = _Spelled(_notes(store, question)), dict[int, list[Said]]()
    for key, step, worst, last in zip(*_columns(store, sql, params), strict=True):
        said = found.setdefault(key, [])
        if said and said[-1][0] == step * width:
            said.pop()  # what came last in the step before gives way to the worst of this one
        said.append((step * width, *spelled[worst]))
        if worst != last:
            said.append(((step + 1) * width, *spelled[last]))
    return found


def _notes(store: Store, question: Question) -> dict[int, str]:
    """Every note that may be spelled, by the number that `_WORD` makes of it: there are few."""
    params: dict[str, object] = {"until": question.until, "after": question.after}
    mine = question.scope.conditions(params)
    days = where([*mine, "day < toDate({after:DateTime64(6, 'UTC')})"])
    today = "ts >= toDateTime(toDate({after:DateTime64(6, 'UTC')}), 'UTC') AND ts <= {until:DateTime64(6, 'UTC')}"
    sql = f"""
        SELECT DISTINCT note, bitShiftRight(cityHash64(toString(note)), 8) FROM (
            SELECT DISTINCT toString(note) AS note FROM states {days}
            UNION ALL SELECT DISTINCT toString(note) AS note FROM marks {where([*mine, today])})"""
    notes, numbers = _columns(store, sql, params)
    return dict(zip(numbers, notes, strict=True))


class _Spelled(dict[int, tuple[int, str]]):
    """(state, note) of each word; there are few, so each is taken apart once."""

    def __init__(self, notes: dict[int, str]) -> None:
        super().__init__()
        self._notes = notes

    def __missing__(self, word: int) -> tuple[int, str]:
        self[word] = found = word >> 56, self._notes.get(word & (2**56 - 1), "")
        return found


def _columns(store: Store, sql: str, params: dict[str, object]) -> list[list[Any]]:
    """The columns of an answer as lists."""
    return [column.to_pylist() for column in store.arrow(sql, params).columns]
