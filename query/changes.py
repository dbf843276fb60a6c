"""What changed in (from, to]: a list that says how many changes it hid, in an order that pages can rely on.

`changes` (time first, narrow) has all of a page but large patches and managedFields: these come from `events` (object
first), where every row costs the unpacking of its neighbours. With a label selector the state itself decides, so
`events` finds the page too; versions whose state was left out are rebuilt to be judged.

A cursor holds the window, the log position of the first page, and the place of the last row: what is recorded while
someone pages does not shift the pages.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from query import cursors, records, timeline
from query.errors import BadCursor, BadWindow
from query.models import Change, Hidden, change
from query.refs import ObjectRef
from query.scope import ChangeFilter, where, window
from query.times import rfc3339
from schema.events import Event
from schema.rows import rv_order
from schema.store import Row, Store

MOST = 10_000
STREAM_PAGE = 2_000

_ORDER = ("ts", "resource", "`group`", "rv_order", "cluster", "namespace", "name", "uid", "epoch", "op")
"""A total order of changes: by time, then in the order of each kind's own resourceVersions."""

_TYPES = {"ts": "DateTime64(6, 'UTC')", "rv_order": "UInt64", "epoch": "UInt64"}
_CURSOR = 4 + len(_ORDER)
_TS = records.NAMES.index("ts")
_PATCH = -3
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """A window of changes. `newest_first` turns the order round, for pages that show the latest."""

    filter: ChangeFilter
    after: datetime
    until: datetime
    limit: int = 500
    newest_first: bool = False

    def __post_init__(self) -> None:
        """Raises BadWindow."""
        if not 1 <= self.limit <= MOST:
            raise BadWindow(
                f"limit={self.limit} is out of range.", f"Ask for 1 to {MOST} changes at a time, or stream JSONL."
            )
        if self.until < self.after:
            raise BadWindow(
                f"The window ends ({rfc3339(self.until)}) before it begins ({rfc3339(self.after)}).",
                "Swap `from` and `to`.",
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """One page, what it hid in the whole window, and where to go on ("" = it was the last)."""

    items: list[Change]
    hidden: Hidden
    next: str
    after: datetime
    until: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class _Place:
    """A decoded cursor."""

    after: datetime
    until: datetime
    head: int
    hidden: Hidden
    last: list[cursors.Scalar]


def changes(store: Store, ask: Ask, cursor: str = "") -> Page:
    """One page. With a cursor the window is that of the first page, whatever `ask` says."""
    place = _read_cursor(cursor) if cursor else None
    if place is not None:
        ask = replace(ask, after=place.after, until=place.until)
    head = place.head if place else _head(store)
    hidden = place.hidden if place else _hidden(store, ask)
    found = _page(store, ask, head, place.last if place else [])
    kept, more = found[: ask.limit], len(found) > ask.limit
    onward = _write_cursor(ask, head, hidden, kept[-1]) if more else ""
    return Page(
        items=[change(each) for each in _selected(store, ask, kept)],
        hidden=hidden,
        next=onward,
        after=ask.after,
        until=ask.until,
    )


def pages(store: Store, ask: Ask) -> Iterator[list[Change]]:
    """All changes of the window, in order, without ever holding more than a page."""
    ask = replace(ask, limit=STREAM_PAGE)
    cursor = ""
    while True:
        page = changes(store, ask, cursor)
        yield page.items
        if not page.next:
            return
        cursor = page.next


def hidden(store: Store, ask: Ask) -> Hidden:
    """How many changes of the window match and are not shown."""
    return _hidden(store, ask)


def history(store: Store, ref: ObjectRef, ask: Ask, *, uid: str = "", cursor: str = "") -> Page:
    """Revisions of one object over all its lives (or one, by uid): its first sight is part of it."""
    place = _read_cursor(cursor) if cursor else None
    if place is not None:
        ask = replace(ask, after=place.after, until=place.until)
    params = _key(ref, uid)
    conditions = [_KEY + (" AND uid = {uid:String}" if uid else ""), *window(params, ask.after, ask.until)]
    count = place.hidden if place else _hidden_in_history(store, ask, conditions, params)
    shown = [
        *conditions,
        *ask.filter.conditions(params),
        *([] if ask.filter.noise else [f"NOT {ask.filter.is_noise(params)}"]),
    ]
    if place is not None:
        shown.append(_beyond(place.last, ask, params))
    sql = f"""
        SELECT {records.WITHOUT_OBJECT} FROM events {where(shown)}
        ORDER BY {_order(ask)} LIMIT 1 BY {records.KEY} LIMIT {ask.limit + 1}"""
    found = records.events(store.rows(sql, params))
    kept = found[: ask.limit]
    onward = _write_cursor(ask, 0, count, kept[-1]) if len(found) > ask.limit else ""
    return Page(items=[change(each) for each in kept], hidden=count, next=onward, after=ask.after, until=ask.until)


_KEY = """cluster = {cluster:String} AND namespace = {namespace:String} AND resource = {resource:String}
        AND `group` = {group:String} AND name = {name:String}"""


def _key(ref: ObjectRef, uid: str) -> dict[str, object]:
    params: dict[str, object] = {
        "cluster": ref.cluster,
        "namespace": ref.namespace,
        "resource": ref.resource,
        "group": ref.group,
        "name": ref.name,
    }
    return params | ({"uid": uid} if uid else {})


def _hidden_in_history(store: Store, ask: Ask, conditions: list[str], params: dict[str, object]) -> Hidden:
    if ask.filter.noise:
        return Hidden()
    within = where([*conditions, *ask.filter.conditions(params), ask.filter.is_noise(params)])
    sql = f"SELECT uniqExact(uid, epoch, rv_order, op) FROM events {within}"
    return Hidden(noise=store.rows(sql, params)[0][0])


def _page(store: Store, ask: Ask, head: int, last: list[cursors.Scalar]) -> list[Event]:
    """The page and one row more, without states (with a selector: with them)."""
    params: dict[str, object] = {}
    within = [*window(params, ask.after, ask.until), *ask.filter.conditions(params), *ask.filter.shown(params)]
    if last:
        within.append(_beyond(last, ask, params))
    selector = ask.filter.scope.selector
    if selector is not None and selector.requirements:
        matches = f"(object = '' OR ({selector.sql('object', params)}))"
        # Nothing but what left its state out needs it again.
        sql = f"""
            SELECT {records.WITHOUT_OBJECT} FROM events
            {where([*within, "origin != 'checkpoint'", matches])}
            ORDER BY {_order(ask)} LIMIT 1 BY {records.KEY} LIMIT {ask.limit + 1}"""
        return records.events(store.rows(sql, params))
    within.append("log_order <= {head:UInt64}")
    params["head"] = head
    sql = f"SELECT {records.NARROW} FROM changes FINAL {where(within)} ORDER BY {_order(ask)} LIMIT {ask.limit + 1}"
    narrow = store.rows(sql, params)
    if not narrow:
        return []
    return records.joined(narrow, _wide(store, within, params, narrow))


def _wide(store: Store, within: Sequence[str], params: dict[str, object], narrow: Sequence[Row]) -> list[Row]:
    """Patches and hashes of a page. FINAL would read them of the whole window: here its rows are bounded by time."""
    times = [row[_TS] for row in narrow]
    params = {**params, "first": min(times), "last": max(times)}
    page = [*within, "ts >= {first:DateTime64(6, 'UTC')}", "ts <= {last:DateTime64(6, 'UTC')}"]
    small = store.rows(f"SELECT {records.IDENTITY}, {records.SMALL} FROM changes {where(page)}", params)
    if all(row[_PATCH] for row in small):
        return list(small)
    # Every row costs the unpacking of its neighbours: only what `changes` has not.
    sql = f"""
        SELECT {records.IDENTITY}, {records.WIDE} FROM events
        WHERE ({records.KEY}) IN (SELECT {records.KEY} FROM changes {where([*page, "patch = ''"])})
          AND {page[-2]} AND {page[-1]}"""
    return [*(row for row in small if row[_PATCH]), *store.rows(sql, params)]


def _selected(store: Store, ask: Ask, found: list[Event]) -> list[Event]:
    """Drops the versions whose state was left out and, rebuilt, is not selected."""
    selector = ask.filter.scope.selector
    if selector is None or not selector.requirements:
        return found
    left_out = _left_out(store, found)
    return [each for each in found if each.id not in left_out or selector.matches(_labels(store, each))]


def _labels(store: Store, event: Event) -> dict[str, str]:
    return records.labels(bytes(timeline.with_state(store, event).object or b"{}"))


def _left_out(store: Store, found: list[Event]) -> set[str]:
    """Ids of those whose row carries no state."""
    large = set()
    for each in found:
        ref = ObjectRef(
            cluster=each.cluster, resource=each.resource, group=each.group, namespace=each.namespace, name=each.name
        )
        params = _key(ref, each.uid) | {"epoch": each.epoch, "seq": each.seq}
        sql = f"""
            SELECT count() FROM events
            WHERE {_KEY} AND uid = {{uid:String}} AND epoch = {{epoch:UInt64}} AND seq = {{seq:UInt64}}
              AND object = ''"""
        if store.rows(sql, params)[0][0]:
            large.add(each.id)
    return large


def _hidden(store: Store, ask: Ask) -> Hidden:
    """Counted over the whole window. A left-out state counts as selected: nobody rebuilds it only to hide it."""
    params: dict[str, object] = {}
    within = [*window(params, ask.after, ask.until), *ask.filter.conditions(params)]
    selector = ask.filter.scope.selector
    table = "changes FINAL"
    if selector is not None and selector.requirements:
        table = "events FINAL"
        within += ["origin != 'checkpoint'", f"(object = '' OR ({selector.sql('object', params)}))"]
    noise, first_sight = store.rows(f"SELECT {ask.filter.hidden_counts(params)} FROM {table} {where(within)}", params)[
        0
    ]
    return Hidden(noise=noise, first_sight=first_sight)


def _head(store: Store) -> int:
    """The newest log position: pages after the first look no further."""
    head: int = store.rows("SELECT max(log_order) FROM changes")[0][0]
    return head


def _order(ask: Ask) -> str:
    return ", ".join(f"{column} DESC" if ask.newest_first else column for column in _ORDER)


def _beyond(last: list[cursors.Scalar], ask: Ask, params: dict[str, object]) -> str:
    """Rows after (or, newest first, before) the one where the last page ended."""
    for n, (column, value) in enumerate(zip(_ORDER, last, strict=True)):
        params[f"last{n}"] = _moment(value) if column == "ts" else value
    marks = ", ".join(f"{{last{n}:{_TYPES.get(column, 'String')}}}" for n, column in enumerate(_ORDER))
    # The bound on `ts` alone is what the table is sorted by.
    sign = "<" if ask.newest_first else ">"
    return f"ts {sign}= {{last0:{_TYPES['ts']}}} AND ({', '.join(_ORDER)}) {sign} ({marks})"


def _write_cursor(ask: Ask, head: int, count: Hidden, last: Event) -> str:
    place: list[cursors.Scalar] = [
        _micros(last.ts), last.resource, last.group, str(rv_order(last.rv, last.seq)), last.cluster, last.namespace,
        last.name, last.uid, str(last.epoch), last.op,
    ]  # fmt: skip
    window_of: list[cursors.Scalar] = [
        _micros(ask.after),
        _micros(ask.until),
        str(head),
        f"{count.noise},{count.first_sight}",
    ]
    return cursors.write("changes", [*window_of, *place])


def _read_cursor(token: str) -> _Place:
    values = cursors.read("changes", token, length=_CURSOR)
    try:
        after, until, head, counts, *last = values
        noise, first_sight = str(counts).split(",")
        for n, column in enumerate(_ORDER):
            if column in ("rv_order", "epoch"):
                last[n] = int(str(last[n]))
        return _Place(
            after=_moment(after),
            until=_moment(until),
            head=int(str(head)),
            hidden=Hidden(noise=int(noise), first_sight=int(first_sight)),
            last=last,
        )
    except ValueError as error:
        raise BadCursor(
            f"{token[:40]!r} is not a cursor that was given out here.", "Start again without it."
        ) from error


def _micros(moment: datetime) -> int:
    return (moment - _EPOCH) // timedelta(microseconds=1)


def _moment(micros: cursors.Scalar) -> datetime:
    return _EPOCH + timedelta(microseconds=int(micros or 0))
