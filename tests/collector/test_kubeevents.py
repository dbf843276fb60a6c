"""Kubernetes Events of both APIs read alike; each count is one record."""

import orjson
import pytest

from collector.clock import Capture
from collector.kubeevents import KubeEventTracker
from schema.canonical import JsonObject
from schema.events import Gap, KubeEvent, Late, Record
from schema.objects import Kind, Scope
from tests.fakes.clock import FakeClock
from tests.fakes.served import NOON, at, bookmark, entry, exact_skew, line, stamp

CORE = Kind(group="", version="v1", resource="events", kind="Event", namespaced=True)

REFERENCE: JsonObject = {
    "apiVersion": "apps/v1",
    "kind": "ReplicaSet",
    "namespace": "shop",
    "name": "web",
    "uid": "u-9",
    "fieldPath": "spec.x",
}
OLD_BODY: JsonObject = {
    "involvedObject": REFERENCE,
    "message": "pulled",
    "source": {"component": "kubelet", "host": "n1"},
    "firstTimestamp": stamp(1),
    "lastTimestamp": stamp(4),
    "count": 3,
    "eventTime": None,
}
NEW_BODY: JsonObject = {
    "regarding": REFERENCE,
    "note": "pulled",
    "deprecatedSource": {"component": "kubelet", "host": "n1"},
    "deprecatedFirstTimestamp": stamp(1),
    "deprecatedLastTimestamp": stamp(4),
    "deprecatedCount": 3,
    "eventTime": None,
}
SERIES_BODY: JsonObject = {
    "regarding": REFERENCE,
    "note": "pulled",
    "reportingController": "kubelet",
    "reportingInstance": "n1",
    "eventTime": "2026-03-01T12:00:01.000000Z",
    "series": {"count": 3, "lastObservedTime": "2026-03-01T12:00:04.000000Z"},
    "deprecatedSource": {},
}


def event(rv: int, body: JsonObject = OLD_BODY, *, written: float = 4) -> bytes:
    meta: JsonObject = {
        "name": "web.1",
        "namespace": "shop",
        "uid": "e-1",
        "resourceVersion": str(rv),
        "managedFields": [entry("kubelet", {}, time=written)],
    }
    return orjson.dumps({"metadata": meta, "type": "Normal", "reason": "Pulled", **body})


def tracker() -> KubeEventTracker:
    made = KubeEventTracker(
        origin=Capture(cluster="lab", cluster_uid="c-1"),
        kind=CORE,
        scope=Scope(CORE.id),
        skew=exact_skew(),
        clock=FakeClock(NOON),
    )
    made.restore([], None)
    made.replace([], rv="100", at=NOON, reason="")
    return made


def kube_events(records: list[Record]) -> list[KubeEvent]:
    return [record for record in records if isinstance(record, KubeEvent)]


@pytest.mark.parametrize("body", [OLD_BODY, NEW_BODY, SERIES_BODY])
def test_both_apis_say_the_same(body: JsonObject) -> None:
    (one,) = kube_events(tracker().observe([line("ADDED", event(101, body))], at=at(5), not_before=None))
    assert (one.message, one.count, one.component, one.host) == ("pulled", 3, "kubelet", "n1")
    assert (one.first_seen, one.last_seen) == (at(1), at(4))
    assert (one.event_type, one.reason, one.rv) == ("Normal", "Pulled", "101")
    involved = one.involved
    assert (involved.group, involved.version, involved.kind, involved.field_path) == (
        "apps",
        "v1",
        "ReplicaSet",
        "spec.x",
    )
    assert (one.ts, one.ts_error) == (at(5), 0.0)


def test_deletions_are_only_counted_and_replays_skipped() -> None:
    found = tracker()
    lines = [line("ADDED", event(101)), line("DELETED", event(102)), line("MODIFIED", event(103)), bookmark(110)]
    assert len(found.observe(lines, at=at(5), not_before=None)) == 2
    assert found.observe(lines, at=at(6), not_before=None) == []
    assert (found.deleted, found.replays) == (2, 2)
    assert found.position is not None
    assert (found.position.rv, found.position.at) == ("110", at(6))


def test_what_is_read_late_says_itself_when_it_was_written() -> None:
    found = tracker()
    (one,) = kube_events(found.observe([line("ADDED", event(101, written=30))], at=at(60), not_before=at(1)))
    assert abs((one.ts - at(30.6)).total_seconds()) < 0.1
    assert 0.6 <= one.ts_error < 0.8
    (late,) = found.settle(at=at(61))
    assert isinstance(late, Late)
    assert (late.from_t, late.to_t, late.events) == (at(1), at(61), 1)
    assert found.settle(at=at(62)) == []


def test_a_fresh_list_gives_what_is_new_and_a_gap() -> None:
    found = tracker()
    found.observe([line("ADDED", event(101))], at=at(5), not_before=None)
    gap, one = found.replace([event(150, written=30), event(101)], rv="200", at=at(60), reason="expired")
    assert isinstance(gap, Gap)
    assert (gap.from_rv, gap.to_rv, gap.from_t, gap.reason) == ("101", "200", at(5), "expired")
    assert isinstance(one, KubeEvent)
    assert one.rv == "150"


def test_after_a_rollback_all_that_is_there_is_new() -> None:
    found = tracker()
    records = found.replace([event(50), event(51)], rv="60", at=at(60), reason="rollback")
    assert [one.rv for one in kube_events(records)] == ["50", "51"]


@pytest.mark.parametrize("raw", [b"{", b"[]", b'{"metadata":7}', b'{"metadata":{"name":7}}'])
def test_an_event_that_cannot_be_read_stops_nothing(raw: bytes) -> None:
    found = tracker()
    assert len(found.observe([line("ADDED", raw), line("ADDED", event(101))], at=at(5), not_before=None)) == 1
    assert found.unreadable == 1
