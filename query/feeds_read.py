"""What the feed reads: changes behind a position in log order, whole ones only, and gaps as they are recorded.

The order is that of `changes.log_order`, a number that the engine gives out in rising order as rows are inserted, also
when the clock steps back. `ts` could not serve: kinds become visible at different moments, and what is read late is
dated into the past; a reader at a moment would step over it. A resume token is such a number, made opaque.

Of an insert that is half visible (`changes` has a row that `events` does not have yet) nothing is given out until it
is whole. Where several ingesters write, an insert that began earlier may become visible later: numbers of the last
`feed_settle` seconds are not passed yet. An insert that takes longer than that between its first row and its visibility
is missed by who is ahead of it; one process that writes alone needs no such wait.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal

import msgspec

from query import cursors, people, records, timeline
from query.errors import BadCursor
from query.models import CHANGE_FIELDS, Change, Span
from query.scope import ChangeFilter, one_of, where
from schema.events import Event
from schema.objects import kind_id
from schema.rows import EVENT_COLUMNS, event_from_row
from schema.store import Row, Store

_MOST_GAPS = 10_000


class FeedChange(Change, kw_only=True):
    """A change and the token to resume behind it."""

    token: str


class Notice(msgspec.Struct, kw_only=True):
    """Not a change. bookmark: nothing new up to here; gap: versions may be missing; reset: the token led nowhere."""

    type: Literal["bookmark", "gap", "reset"]
    token: str
    gap: Span | None = None


Item = FeedChange | Notice


@dataclass(frozen=True, slots=True)
class Batch:
    """Whole changes with their positions, and the position up to which everything was looked at."""

    changes: Sequence[tuple[int, FeedChange]]
    reached: int


def write_token(position: int) -> str:
    """The opaque form of a position."""
    return cursors.write("feed", [str(position)])


def read_token(token: str) -> int:
    """Raises BadCursor."""
    (value,) = cursors.read("feed", token, length=1)
    if not isinstance(value, str) or not value.isdigit() or int(value) >= 2**64:
        raise BadCursor(f"{token[:40]!r} is not a resume token that was given out here.", "Start again without it.")
    return int(value)


def moment_of(position: int) -> datetime:
    """When the engine gave this position out, to the millisecond: a Snowflake ID begins with it."""
    return datetime.fromtimestamp(0, UTC) + timedelta(milliseconds=position >> 22)


def position_before(store: Store, moment: datetime) -> int:
    """The position behind which everything stands that happened at this moment or later, or the newest one."""
    sql = "SELECT count(), min(log_order) FROM changes WHERE ts >= {moment:DateTime64(6, 'UTC')}"
    [(count, first)] = store.rows(sql, {"moment": moment})
    return int(first) - 1 if count else head(store, 0, 0.0)


def head(store: Store, known: int, settle: float) -> int:
    """The newest position that is settled; the index on it leaves everything older unread."""
    sql, params = "SELECT max(log_order) FROM changes WHERE log_order > {known:UInt64}", dict[str, object](known=known)
    if settle:
        # The number begins with the moment in milliseconds at which the engine gave it out.
        sql += " AND log_order < dateTime64ToSnowflakeID(now64(3) - toIntervalMillisecond({settle:UInt32}))"
        params["settle"] = round(1000 * settle)
    newest: int = store.rows(sql, params)[0][0]
    return max(known, newest)


def read(store: Store, chosen: ChangeFilter, position: int, head: int, limit: int, *, audited: bool = False) -> Batch:
    """The next changes behind a position, up to `head`; `audited`: an audit log is taken here, which may tell who."""
    params: dict[str, object] = {"position": position, "head": head, "limit": limit}
    within = ["log_order > {position:UInt64}", "log_order <= {head:UInt64}"]
    conditions = where([*within, *chosen.conditions(params), *chosen.shown(params)])
    page = f"FROM changes {conditions} ORDER BY log_order LIMIT {{limit:UInt64}}"
    places = store.rows(f"SELECT log_order, ts, {records.KEY} {page}", params)
    if not places:
        return Batch([], head)
    events = _events(store, chosen, page, params, min(row[1] for row in places), max(row[1] for row in places))
    whole: list[tuple[int, Event]] = []
    for row in places:
        event = events.get(_identity(row[2:]))
        if event is None:
            return Batch(_chosen(store, chosen, whole, audited), whole[-1][0] if whole else position)
        whole.append((row[0], event))
    return Batch(_chosen(store, chosen, whole, audited), head if len(places) < limit else places[-1][0])


def _events(
    store: Store, chosen: ChangeFilter, page: str, params: dict[str, object], first: datetime, last: datetime
) -> dict[tuple[object, ...], Event]:
    """The events of a page by identity; with a selector their states too."""
    columns = EVENT_COLUMNS if chosen.scope.selector else records.WITHOUT_OBJECT
    sql = f"""
        SELECT {columns} FROM events
        WHERE ({records.KEY}) IN (SELECT {records.KEY} {page})
          AND ts >= {{first:DateTime64(6, 'UTC')}} AND ts <= {{last:DateTime64(6, 'UTC')}}"""
    rows = store.rows(sql, {**params, "first": first, "last": last})
    # The key's columns stand first in EVENT_COLUMNS, in the key's order.
    return {_identity(row): event_from_row(row) for row in rows}


def _identity(row: Row) -> tuple[object, ...]:
    return tuple(row[:9])


def _chosen(
    store: Store, chosen: ChangeFilter, whole: list[tuple[int, Event]], audited: bool
) -> list[tuple[int, FeedChange]]:
    """Those that the selector takes, with who made them."""
    selector = chosen.scope.selector
    found = [
        (position, _change(event, position))
        for position, event in whole
        if selector is None
        or selector.matches(records.labels(bytes(timeline.with_state(store, event).object or b"{}")))
    ]
    people.introduce(store, [each for _, each in found], audited=audited)
    return found


def _change(event: Event, position: int) -> FeedChange:
    fields = {name: getattr(event, name) for name in CHANGE_FIELDS}
    return FeedChange(**fields, token=write_token(position))


def gaps(store: Store, chosen: ChangeFilter, since: datetime | None, identity: str = "") -> list[tuple[datetime, Span]]:
    """Gap records written after `since` (None: only the newest one, to know where to begin)."""
    params: dict[str, object] = {"gap": "gap"}
    conditions = ["class = {gap:String}"]
    if chosen.scope.clusters:
        conditions.append(one_of("cluster", chosen.scope.clusters, params, "cluster"))
    if identity:
        conditions.append("id = {identity:String}")
        params["identity"] = identity
    if since is not None:
        params["since"] = since
        conditions.append("updated > {since:DateTime64(6, 'UTC')}")
    sql = f"""
        SELECT updated, id, from_t, to_t, cluster, resource, `group`, namespace, reason FROM coverage FINAL
        {where(conditions)} ORDER BY updated DESC LIMIT {1 if since is None else _MOST_GAPS}"""
    found = []
    for updated, identity, from_t, to_t, cluster, resource, group, namespace, reason in store.rows(sql, params):
        kind = kind_id(resource, group)
        if not chosen.scope.kinds or (resource, group) in chosen.scope.kinds:
            span = Span(
                id=identity, from_=from_t, to=to_t, cluster=cluster, resource=kind, namespace=namespace, reason=reason
            )
            found.append((updated, span))
    return found[::-1]
