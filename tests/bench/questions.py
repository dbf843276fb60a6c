"""What an answer costs on a long history: a million events of 20,000 objects, 5,000 of them in one namespace.

`KUBELAPSE_BENCH_STORE=DIR` keeps the store there, and uses the one that is there: filling it takes minutes.
"""

import gzip
import os
import random
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import orjson
from msgspec import Raw

from query import inventory, snapshots, timeline, timeline_view
from query.diff_pages import USUAL, Page
from query.models import Coverage
from query.refs import ObjectRef
from query.scope import ChangeFilter, Scope
from query.snapshot_items import Shown
from query.timeline_sql import Question
from query.timeline_view import Drawing
from schema.canonical import JsonObject, digest
from schema.chdb import ChdbStore
from schema.diff import diff
from schema.events import Actor, Event, event_id
from schema.listkeys import heuristic
from schema.migrate import migrate
from schema.patch import to_patch
from schema.paths import render
from schema.rows import event_rows
from tests.bench import answers, drifting
from tests.bench.report import figure, median, quantile, say
from tests.bench.shapes import MAKERS
from tests.bench.workload import SORTS, STATES

OBJECTS, CROWDED, BATCH = 20_000, 5_000, 20_000
END = datetime(2026, 6, 1, tzinfo=UTC)
SPAN = timedelta(days=7)
ACTOR = Actor(name="kubelet", operation="Update", subresource="status", source="managedFields", confidence="high")

_COMPLETE = Coverage(
    complete=True, watched_since=None, watermark=None, confirmed=None, gaps=[], late=[], unwatched=[], why=[]
)


def run(home: Path, *, events: int) -> None:
    """Fill a store, merge it, ask."""
    store = ChdbStore.open(Path(os.environ.get("KUBELAPSE_BENCH_STORE") or home / "store"))
    try:
        migrate(store)
        if not store.rows("SELECT count() FROM events")[0][0]:
            _fill(store, events)
        _object_at_t(store, events)
        _snapshot(store, events)
        _timeline(store, events)
        _snapshot_diff(store, events)
        drifting.run(store, _shape(1), objects=CROWDED, events=events, now=END)
        answers.run(store, events=events, objects=OBJECTS, end=END, span=SPAN, namespace=_namespace)
    finally:
        store.close()


def _fill(store: ChdbStore, events: int) -> None:
    began = time.monotonic()
    for number, batch in enumerate(_batches(events)):
        store.insert("events", event_rows(batch), token=f"bench-{number}")
    say(f"{events} events inserted in {time.monotonic() - began:.0f} s")
    answers.add(store, end=END, span=SPAN)
    for table in ("events", "changes", "objects", "marks", "states"):
        store.command(f"OPTIMIZE TABLE {table} FINAL")


def _object_at_t(store: ChdbStore, events: int) -> None:
    chance, took = random.Random(2), []
    for _ in range(300):
        number = chance.randrange(OBJECTS)
        ref = ObjectRef(
            cluster="bench", resource="pods", group="", namespace=_namespace(number), name=f"object-{number}"
        )
        at = END - SPAN * chance.random() * 0.9
        began = time.monotonic()
        timeline.state_at(store, ref, at, now=END)
        took.append(time.monotonic() - began)
    figure("object at T, p50", median(took) * 1000, "ms", events=events, objects=OBJECTS)
    figure("object at T, p99", quantile(took, 0.99) * 1000, "ms", events=events, objects=OBJECTS)


def _snapshot(store: ChdbStore, events: int) -> None:
    chance, took, found = random.Random(3), [], 0
    for _ in range(7):
        at = END - SPAN * chance.random() * 0.5
        began = time.monotonic()
        scope = Scope(clusters=("bench",), namespaces=("crowded",))
        found = sum(1 for _ in inventory.snapshot(store, scope, at))
        took.append(time.monotonic() - began)
    figure(f"snapshot of {found} objects at T, p50", median(took), "s", events=events, objects=OBJECTS)


def _timeline(store: ChdbStore, events: int) -> None:
    """The answer that a timeline is drawn from, packed for the wire: all lanes, a day of them, one namespace."""
    for name, after, scope in (
        (f"{OBJECTS} lanes, all events", END - SPAN, Scope()),
        (f"{OBJECTS} lanes, a day", END - timedelta(days=1), Scope()),
        (f"{CROWDED} lanes, a quarter and more of the events", END - SPAN, Scope(namespaces=("crowded",))),
    ):
        took, cpu, size = [], [], 0
        for _ in range(30):
            began, spent = time.monotonic(), time.process_time()
            asked = Question(filter=ChangeFilter(scope=scope), after=after, until=END)
            answer = timeline_view.view(store, asked, Drawing(), open_end=False, coverage=_COMPLETE)
            size = len(gzip.compress(msgspec.json.encode(answer), 5, mtime=0))
            took.append(time.monotonic() - began)
            cpu.append(time.process_time() - spent)
        figure(f"timeline of {name}, p50", median(took) * 1000, "ms", events=events, bytes=size)
        figure(f"timeline of {name}, p95", quantile(took, 0.95) * 1000, "ms", events=events)
        figure(f"timeline of {name}, CPU, median", median(cpu) * 1000, "ms", events=events)


def _snapshot_diff(store: ChdbStore, events: int) -> None:
    """What differs in the crowded namespace: over an hour somewhere, and over the whole history."""
    chance, scope = random.Random(4), Scope(clusters=("bench",), namespaces=("crowded",))
    hours = [END - SPAN * chance.random() * 0.9 for _ in range(40)]
    for name, spans in (
        ("one hour", [(until - timedelta(hours=1), until) for until in hours]),
        ("the whole history", [(END - SPAN * 0.975, END)] * 5),
    ):
        took, spent, found = [], [], 0
        for after, until in spans:
            began, busy = time.monotonic(), time.process_time()
            answer = snapshots.over_time(store, scope, after, until, Shown(), _COMPLETE, Page(limit=USUAL))
            msgspec.json.encode(answer)
            took.append(time.monotonic() - began)
            spent.append(time.process_time() - busy)
            found = max(found, sum(each.changed for each in answer.summary))
        parameters = {"events": events, "changed": found, "page": USUAL}
        figure(f"snapshot diff over {name}, CPU", median(spent) * 1000, "ms", **parameters)
        figure(f"snapshot diff over {name}, p50", median(took) * 1000, "ms", **parameters)
        figure(f"snapshot diff over {name}, p95", quantile(took, 0.95) * 1000, "ms", **parameters)


def _namespace(number: int) -> str:
    return "crowded" if number < CROWDED else f"team-{number % 50}"


def _batches(count: int) -> Iterator[list[Event]]:
    """Events in time order: first sights, then updates, with some objects far busier than others."""
    shapes = [_shape(state) for state in range(STATES)]
    steps = [_Step.between(shapes[state - 1], shapes[state]) for state in range(STATES)]
    chance, seq, rvs, batch = random.Random(1), [0] * OBJECTS, [0] * OBJECTS, list[Event]()
    for place in range(count):
        number = place if place < OBJECTS else int(OBJECTS * chance.random() ** 2)
        seq[number] += 1
        ts, rv = END - SPAN * (1 - place / count), 1_000_000 + place
        batch.append(_event(number, seq[number], (rvs[number], rv), ts, steps[seq[number] % STATES]))
        rvs[number] = rv
        if len(batch) == BATCH:
            yield batch
            batch = []
    if batch:
        yield batch


@dataclass(frozen=True, slots=True)
class _Step:
    """One of the changes that every object goes through, as texts with holes."""

    state: list[bytes]
    patch: list[bytes]
    paths: list[str]

    @classmethod
    def between(cls, before: JsonObject, after: JsonObject) -> "_Step":
        """Times are told apart: they differ from one version to the next."""
        old: JsonObject = orjson.loads(orjson.dumps(before).replace(b"@TIME@", b"@OLD@"))
        edits = diff(old, after, heuristic)
        return cls(
            state=orjson.dumps(after, option=orjson.OPT_SORT_KEYS).split(b"@"),
            patch=orjson.dumps(to_patch(edits)).split(b"@"),
            paths=[render(edit.path) for edit in edits],
        )


def _shape(state: int) -> JsonObject:
    body = MAKERS["Pod"](SORTS[0], state)
    body["metadata"].pop("managedFields")
    body["metadata"].pop("resourceVersion")
    return {"apiVersion": "v1", "kind": "Pod", **body}


def _event(number: int, seq: int, rvs: tuple[int, int], ts: datetime, step: _Step) -> Event:
    before, rv = rvs
    uid = f"{number:08x}-0000-4000-8000-{number:012x}"
    name, namespace = f"object-{number}", _namespace(number)
    values = {b"NAME": name.encode(), b"UID": uid.encode(), b"NS": namespace.encode()}
    values |= {b"TIME": b"%d" % (rv // 1000), b"OLD": b"%d" % (before // 1000)}
    state, patch = (b"".join([values.get(part, part) for part in parts]) for parts in (step.state, step.patch))
    first = seq == 1
    key: dict[str, Any] = {"cluster": "bench", "cluster_uid": "u", "uid": uid, "epoch": 1, "rv": str(rv)}
    return Event(
        **key,
        id=event_id(**key, kind="pods", op="add" if first else "update"),
        group="",
        version="v1",
        kind="Pod",
        resource="pods",
        namespace=namespace,
        name=name,
        op="add" if first else "update",
        origin="list" if first else "watch",
        seq=seq,
        prev_rv=str(before),
        observed_at=ts,
        ts=ts,
        hash=digest(state),
        object=Raw(state),
        actor=ACTOR,
        patch=Raw(b"[]" if first else patch),
        paths=[] if first else step.paths,
        managers=[] if first else ["kubelet"] * len(step.paths),
    )
