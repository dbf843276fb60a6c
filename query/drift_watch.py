"""Stored baselines are evaluated again as objects change, and what drifted when is kept as a timeline of its own.

The watcher asks `changes` for what has come in since it last looked (by `log_order`, so that late changes count too).
Only a baseline in whose scope something changed is evaluated again; without stored baselines nothing is read at all.
An evaluation is bounded as any question is; what cannot be evaluated is logged and tried again after the next change.
A drift is one row, written when it is found and once more when it has ended.

Several servers of one store watch the same baselines. With its results each writes down how far it had looked, and none
evaluates again what another has; two that look at the very same moment write the same rows, which replace each other.
"""

import asyncio
import logging
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

import orjson
import pyarrow as pa

from query import baselines, drift_items, drift_rules, userdata
from query.baselines import Question, scope_of
from query.drift import Asked, drift
from query.errors import QueryError
from query.models_drift import Drift, DriftItem
from query.models_userdata import DriftResult, DriftTimeline, StoredBaseline
from query.noise_rules import NONE, NoiseRules
from query.readers import Readers
from query.refs import ObjectRef, known_kinds
from query.scope import where
from query.times import rfc3339
from schema.store import Store, StoreError

log = logging.getLogger(__name__)

MOST_RESULTS: Final = 10_000
LATE: Final = timedelta(minutes=10)
"""Changes may be dated so far before they come in: what ended then is looked at once more."""
SHARE: Final = 0.1
"""Of the time that evaluation may take: after one that took a second, the next one waits nine."""

_UTC: Final = pa.timestamp("us", "UTC")
_KEY = ("cluster", "resource", "group", "namespace", "name", "path")
_COLUMNS = """baseline, cluster, resource, `group`, namespace, name, path, op, begun, ended, expected, actual,
    manager, confidence, event, flaps"""

Key = tuple[str, ...]


def evaluate(
    store: Store, name: str, *, now: datetime, noise: NoiseRules = NONE, after: datetime | None = None
) -> Drift:
    """The drift from a stored baseline now, and with `after` what began and ended since, of up to 500 objects."""
    found, _ = userdata.baseline(store, name)
    scope = scope_of(store, found.scope)
    made = baselines.resolve(
        store,
        Question(
            words=f"stored:{name}",
            scope=scope,
            known=known_kinds(store, scope.clusters),
            at=now,
            open_end=True,
            now=now,
            default_namespace=found.scope.get("namespace") or "default",
        ),
    )
    asked = Asked(
        at=now,
        open_end=True,
        rules=drift_rules.rules(),
        noise_rules=noise,
        ended=after is not None,
        ended_after=after,
    )
    return drift(store, made, asked)


def timeline(store: Store, name: str) -> DriftTimeline:
    """Every drift of a stored baseline that was found, oldest first."""
    sql = f"""
        SELECT {_COLUMNS} FROM drift_results FINAL WHERE baseline = {{name:String}} AND path != '\\0'
        ORDER BY begun DESC LIMIT {MOST_RESULTS}"""
    rows = store.rows(sql, {"name": name})
    [(last, count)] = store.rows(
        "SELECT max(updated), count() FROM drift_results FINAL WHERE baseline = {name:String}", {"name": name}
    )
    return DriftTimeline(items=[_result(*row) for row in rows[::-1]], evaluated=last if count else None)


def _result(*row: object) -> DriftResult:
    values = dict(zip(_names(), row, strict=True))
    for side in ("expected", "actual"):
        values[side] = orjson.loads(str(values[side]) or "null")
    values["by"] = values.pop("manager") or None
    values["event"] = values["event"] or None
    return DriftResult(**values)  # type: ignore[arg-type]  # the columns are those of the answer


def _names() -> list[str]:
    return [each.strip().strip("`") for each in _COLUMNS.split(",")]


@dataclass(slots=True)
class Watcher:
    """One per store that is written; `look` blocks and is called again and again, in a thread."""

    store: Store
    clock: Callable[[], datetime]
    noise: NoiseRules = NONE
    busy: Callable[[], float] = time.monotonic
    _seen: dict[str, int] = field(default_factory=dict)
    _version: dict[str, datetime] = field(default_factory=dict)
    _rest: float = 0.0

    def look(self) -> int:
        """Evaluate what may have changed; how many baselines were. Raises StoreError."""
        if self.busy() < self._rest:
            return 0
        stored = userdata.baselines(self.store)
        if not stored:
            return 0
        began = self.busy()
        newest = self._newest()
        count = sum(self._look_at(each, newest) for each in stored)
        self._rest = self.busy() + (self.busy() - began) * (1 / SHARE - 1)
        return count

    def _newest(self) -> int:
        [(newest,)] = self.store.rows("SELECT max(log_order) FROM changes")
        return int(newest or 0)

    def _look_at(self, each: StoredBaseline, newest: int) -> bool:
        anew = self._version.get(each.name) != each.updated
        idle = not anew and not self._changed(each, newest)
        if idle or _evaluated_already(self.store, each, newest):
            self._version[each.name], self._seen[each.name] = each.updated, newest
            return False
        try:
            after = _since(self.store, each) - LATE
            found = evaluate(self.store, each.name, now=self.clock(), noise=self.noise, after=after)
        except QueryError as error:
            log.warning("the stored baseline %s cannot be evaluated: %s", each.name, error)
        else:
            keep(self.store, each, found, now=self.clock(), newest=newest, after=after)
        self._version[each.name], self._seen[each.name] = each.updated, newest
        return True

    def _changed(self, each: StoredBaseline, newest: int) -> bool:
        """Whether anything in its scope came in since."""
        since = self._seen.get(each.name, 0)
        if since == newest:
            return False
        try:
            scope = scope_of(self.store, each.scope)
        except QueryError:
            return True
        params: dict[str, object] = {"since": since}
        conditions = [*scope.conditions(params), "log_order > {since:UInt64}", f"NOT {self.noise.hides(params)}"]
        return bool(self.store.rows(f"SELECT 1 FROM changes {where(conditions)} LIMIT 1", params))


def _evaluated_already(store: Store, each: StoredBaseline, newest: int) -> bool:
    """Whether somebody has evaluated it as it is now, with all that has come in."""
    sql = "SELECT event, manager FROM drift_results FINAL WHERE baseline = {name:String} AND path = '\\0'"
    rows = store.rows(sql, {"name": each.name})
    return any(seen.isdigit() and int(seen) >= newest and version == rfc3339(each.updated) for seen, version in rows)


def _since(store: Store, each: StoredBaseline) -> datetime:
    """Since when it is as it is and was not evaluated."""
    sql = "SELECT max(updated), count() FROM drift_results FINAL WHERE baseline = {name:String} AND path = '\\0'"
    [(last, count)] = store.rows(sql, {"name": each.name})
    return max(last, each.updated) if count else each.updated


def keep(
    store: Store, baseline: StoredBaseline, found: Drift, *, now: datetime, newest: int, after: datetime | None = None
) -> None:
    """Write down what is new, and the end of what is no more; `newest`: up to which change was looked.

    A drift that began and ended after `after` is written whole.
    """
    name = baseline.name
    open_rows = _open(store, name)
    rows, closed = _past(name, found, open_rows, after) if after is not None else ([], set[Key]())
    lasting = {_key(each): each for each in found.items if each.lasts}
    open_rows = {key: row for key, row in open_rows.items() if key not in closed}
    rows += [
        _row(name, each, open_rows[key]["begun"] if key in open_rows else each.since or now, None)
        for key, each in lasting.items()
        if key not in open_rows or open_rows[key]["actual"] != _json(each.actual)
    ]
    over = {key: row for key, row in open_rows.items() if key not in lasting}
    ends = _ends(store, over, lasting, now)
    rows += [{**row, "ended": ends.get(key, now)} for key, row in over.items()]
    rows.append({**_evaluated(name, now), "event": str(newest), "manager": rfc3339(baseline.updated)})
    _insert(store, rows, now)


def _past(
    name: str, found: Drift, open_rows: Mapping[Key, Mapping[str, object]], after: datetime
) -> tuple[list[dict[str, object]], set[Key]]:
    """Rows of drifts that ended after `after`, and which of the open ones are among them."""
    rows: list[dict[str, object]] = []
    closed: set[Key] = set()
    for each, span in ((item, span) for item in found.items for span in item.spans):
        if span.to is None or span.to <= after:
            continue
        row = open_rows.get(_key(each))
        if row is not None and (span.from_ is None or span.from_ <= _time(row["begun"]) < span.to):
            closed.add(_key(each))
            rows.append({**row, "ended": span.to})
        elif span.from_ is not None:
            past = {"actual": _json(span.actual), "manager": span.by or "", "event": span.event or ""}
            rows.append({**_row(name, each, span.from_, span.to), **past})
    return rows, closed


def _ends(
    store: Store, over: Mapping[Key, Mapping[str, object]], lasting: Mapping[Key, DriftItem], now: datetime
) -> dict[Key, datetime]:
    """When drifts ended with an object, or by one: with its deletion, or its creation."""
    found: dict[Key, datetime] = {}
    for key in over:
        gone = lasting.get((*key[:-1], ""))
        if gone is not None and gone.op == "missing" and gone.since is not None:
            found[key] = gone.since
    for op, edge in (("missing", "add"), ("extra", "delete")):
        whole = {_ref(key): key for key, row in over.items() if row["op"] == op and not key[-1]}
        for ref, moment in drift_items.edges(store, list(whole), edge, now).items():
            if moment > _time(over[whole[ref]]["begun"]):
                found[whole[ref]] = moment
    return found


def _ref(key: Key) -> ObjectRef:
    cluster, resource, group, namespace, name, _ = key
    return ObjectRef(cluster=cluster, resource=resource, group=group, namespace=namespace, name=name)


def _time(value: object) -> datetime:
    assert isinstance(value, datetime)  # a column of times
    return value


def _open(store: Store, name: str) -> dict[Key, dict[str, object]]:
    sql = f"""
        SELECT {_COLUMNS} FROM drift_results FINAL
        WHERE baseline = {{name:String}} AND ended IS NULL AND path != '\\0' LIMIT {MOST_RESULTS * 10}"""
    rows = [dict(zip(_names(), row, strict=True)) for row in store.rows(sql, {"name": name})]
    return {tuple(str(row[part]) for part in _KEY): row for row in rows}


def _key(each: DriftItem) -> Key:
    return each.cluster, each.resource, each.group, each.namespace, each.name, _place(each)


def _place(each: DriftItem) -> str:
    return f"{each.path}:{each.within}" if each.within else each.path


def _row(name: str, each: DriftItem, begun: object, ended: datetime | None) -> dict[str, object]:
    key = dict(zip(_KEY, _key(each), strict=True))
    return {
        "baseline": name,
        **key,
        "begun": begun,
        "op": each.op,
        "expected": _json(each.expected),
        "actual": _json(each.actual),
        "manager": each.by or "",
        "confidence": each.confidence,
        "event": each.event or "",
        "ended": ended,
        "flaps": each.flaps,
    }


def _evaluated(name: str, now: datetime) -> dict[str, object]:
    """A row that says when the baseline was evaluated last, up to which change and in which version."""
    epoch = datetime.fromtimestamp(0, tz=now.tzinfo)
    texts = dict.fromkeys((*_KEY, "op", "expected", "actual", "manager", "confidence", "event"), "")
    return {"baseline": name, **texts, "path": "\0", "begun": epoch, "ended": None, "flaps": 0}


def _json(value: object) -> str:
    return orjson.dumps(value).decode()


def _insert(store: Store, rows: Sequence[Mapping[str, object]], now: datetime) -> None:
    types = {"begun": _UTC, "ended": _UTC, "updated": _UTC, "flaps": pa.uint32()}
    names = [*rows[0], "updated"]
    columns = {
        name: pa.array([now if name == "updated" else row[name] for row in rows], types.get(name, pa.string()))
        for name in names
    }
    store.insert("drift_results", pa.table(columns), token=f"drift_results {uuid.uuid4().hex}")


async def keep_looking(watcher: Watcher, readers: Readers, every: float) -> None:
    """Look every so many seconds until cancelled. What fails is said once, and tried again."""
    said = ""
    while True:
        await asyncio.sleep(every)
        try:
            await readers.run(watcher.look)
        except (StoreError, QueryError) as error:
            if str(error) != said:
                log.warning("stored baselines are not evaluated: %s", error)
            said = str(error)
        else:
            said = ""
