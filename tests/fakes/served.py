"""Objects as an API server serves them, and the tracker that watches them: a test names only what it is about."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta

import orjson

from collector.clock import Capture
from collector.redact import Redactor
from collector.skew import Skew
from collector.tracker import Tracker, TrackerPolicy
from schema.canonical import Json, JsonObject
from schema.events import Event, Gap, Late, Record
from schema.objects import Kind, Scope
from tests.fakes.clock import FakeClock

NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
KEY = b"0123456789abcdef0123456789abcdef"

PODS = Kind(group="", version="v1", resource="pods", kind="Pod", namespaced=True)
CONFIG_MAPS = Kind(group="", version="v1", resource="configmaps", kind="ConfigMap", namespaced=True)
SECRETS = Kind(group="", version="v1", resource="secrets", kind="Secret", namespaced=True)


def at(seconds: float) -> datetime:
    """So many seconds after noon."""
    return NOON + timedelta(seconds=seconds)


def stamp(seconds: float) -> str:
    """The same as the server writes it: whole seconds, cut off."""
    return at(int(seconds)).strftime("%Y-%m-%dT%H:%M:%SZ")


def entry(manager: str, fields: JsonObject, *, time: float = 0, operation: str = "Update", sub: str = "") -> JsonObject:
    """A managedFields entry."""
    made: JsonObject = {
        "manager": manager,
        "operation": operation,
        "apiVersion": "v1",
        "time": stamp(time),
        "fieldsType": "FieldsV1",
        "fieldsV1": fields,
    }
    return made | ({"subresource": sub} if sub else {})


def served(
    rv: int,
    body: Mapping[str, Json],
    *,
    name: str = "web",
    uid: str = "u-1",
    kind: Kind = CONFIG_MAPS,
    managed: Sequence[JsonObject] = (),
    created: float = 0,
    metadata: Mapping[str, Json] | None = None,
    typed: bool = True,
) -> bytes:
    """An object's JSON. `typed`: with apiVersion and kind, as watches send them and lists do not."""
    meta: JsonObject = {
        "name": name,
        "namespace": "shop",
        "uid": uid,
        "resourceVersion": str(rv),
        "creationTimestamp": stamp(created),
        **(metadata or {}),
    }
    if managed:
        meta["managedFields"] = list(managed)
    head: JsonObject = {"kind": kind.kind, "apiVersion": kind.api_version} if typed else {}
    return orjson.dumps({**head, "metadata": meta, **body})


def line(type_: str, obj: bytes) -> bytes:
    """A watch line."""
    return b'{"type":"%s","object":%s}' % (type_.encode(), obj)


def bookmark(rv: int) -> bytes:
    """A bookmark line."""
    return line("BOOKMARK", orjson.dumps({"kind": "ConfigMap", "metadata": {"resourceVersion": str(rv)}}))


def tracker(
    kind: Kind = CONFIG_MAPS,
    *,
    clock: FakeClock | None = None,
    skew: Skew | None = None,
    key: bytes = KEY,
    keyframe: int = 65536,
) -> Tracker:
    """A Tracker of a whole kind, not yet restored."""
    return Tracker(
        origin=Capture(cluster="lab", cluster_uid="c-1"),
        kind=kind,
        scope=Scope(kind.id),
        redactor=Redactor(key),
        policy=TrackerPolicy(keyframe_bytes=keyframe),
        skew=skew or Skew(),
        clock=clock or FakeClock(NOON),
    )


def watching(*items: bytes, kind: Kind = CONFIG_MAPS, rv: int = 100, skew: Skew | None = None) -> Tracker:
    """A Tracker that has seen its first list."""
    made = tracker(kind, skew=skew)
    made.restore([], None)
    made.replace(items, rv=str(rv), at=NOON, reason="")
    return made


def exact_skew(seconds: float = 0.0) -> Skew:
    """A server whose clock is known to stand so far from ours, give or take 10 ms."""
    skew = Skew()
    for part in range(100):
        sent = at(part * 0.01 - 60)
        date = (sent + timedelta(seconds=seconds)).replace(microsecond=0)
        skew.observe(date, sent=sent, received=sent)
    return skew


def events(records: Sequence[Record]) -> list[Event]:
    """The change events among records."""
    return [record for record in records if isinstance(record, Event)]


def gaps(records: Sequence[Record]) -> list[Gap]:
    """The gaps among records."""
    return [record for record in records if isinstance(record, Gap)]


def lates(records: Sequence[Record]) -> list[Late]:
    """The late spans among records."""
    return [record for record in records if isinstance(record, Late)]
