"""What an answer costs on a long history: a million events of 20,000 objects, 5,000 of them in one namespace."""

import random
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
from msgspec import Raw

from query import inventory, timeline
from query.refs import ObjectRef
from query.scope import Scope
from schema.canonical import digest
from schema.chdb import ChdbStore
from schema.events import Actor, Event, event_id
from schema.migrate import migrate
from schema.rows import event_rows
from tests.bench.report import figure, median, quantile, say
from tests.bench.shapes import MAKERS
from tests.bench.workload import SORTS, STATES

OBJECTS, CROWDED, BATCH = 20_000, 5_000, 20_000
END = datetime(2026, 6, 1, tzinfo=UTC)
SPAN = timedelta(days=7)
PATCH = orjson.dumps(
    [
        {"op": "test", "path": "/status/phase", "value": "Pending"},
        {"op": "replace", "path": "/status/phase", "value": "Running"},
    ]
)
ACTOR = Actor(name="kubelet", operation="Update", subresource="status", source="managedFields", confidence="high")


def run(home: Path, *, events: int) -> None:
    """Fill a store, merge it, ask."""
    store = ChdbStore.open(home / "store")
    try:
        migrate(store)
        began = time.monotonic()
        for number, batch in enumerate(_batches(events)):
            store.insert("events", event_rows(batch), token=f"bench-{number}")
        say(f"{events} events inserted in {time.monotonic() - began:.0f} s")
        for table in ("events", "changes", "objects"):
            store.command(f"OPTIMIZE TABLE {table} FINAL")
        _object_at_t(store, events)
        _snapshot(store, events)
    finally:
        store.close()


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


def _namespace(number: int) -> str:
    return "crowded" if number < CROWDED else f"team-{number % 50}"


def _batches(count: int) -> Iterator[list[Event]]:
    """Events in time order: first sights, then updates, with some objects far busier than others."""
    holes = [orjson.dumps(_shape(state), option=orjson.OPT_SORT_KEYS).split(b"@") for state in range(STATES)]
    chance, seq, batch = random.Random(1), [0] * OBJECTS, list[Event]()
    for place in range(count):
        number = place if place < OBJECTS else int(OBJECTS * chance.random() ** 2)
        seq[number] += 1
        batch.append(_event(number, seq[number], 1_000_000 + place, END - SPAN * (1 - place / count), holes))
        if len(batch) == BATCH:
            yield batch
            batch = []
    if batch:
        yield batch


def _shape(state: int) -> dict[str, object]:
    body = MAKERS["Pod"](SORTS[0], state)
    body["metadata"].pop("managedFields")
    body["metadata"].pop("resourceVersion")
    return {"apiVersion": "v1", "kind": "Pod", **body}


def _event(number: int, seq: int, rv: int, ts: datetime, holes: list[list[bytes]]) -> Event:
    uid = f"{number:08x}-0000-4000-8000-{number:012x}"
    name, namespace = f"object-{number}", _namespace(number)
    values = {b"NAME": name.encode(), b"UID": uid.encode(), b"NS": namespace.encode(), b"TIME": b"%d" % (rv // 1000)}
    state = b"".join([values.get(part, part) for part in holes[seq % STATES]])
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
        prev_rv=str(rv - 1),
        observed_at=ts,
        ts=ts,
        hash=digest(state),
        object=Raw(state),
        actor=ACTOR,
        patch=Raw(b"[]" if first else PATCH),
        paths=[] if first else ["status.phase"],
        managers=[] if first else ["kubelet"],
    )
