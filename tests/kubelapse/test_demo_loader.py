"""A recorded bundle becomes fresh history: it ends now, and it is as whole as the recording was."""

from datetime import UTC, datetime, timedelta

import orjson
import pytest
import zstandard
from prometheus_client import CollectorRegistry

from kubelapse.demo import loader
from kubelapse.demo.questions import Question, questions
from kubelapse.verify import Wanted, verify
from schema.canonical import digest
from schema.chdb import ChdbStore
from schema.codec import encode
from schema.events import Event, Watermark
from tests.fakes.history import History

NOW = datetime(2026, 11, 22, 18, 30, 15, 250_000, tzinfo=UTC)
CREATED = "2026-03-01T11:59:58Z"
EXPIRES = "2036-03-01T00:00:00Z"


def recording() -> History:
    told = History("demo")
    told.put("configmaps", "shop/settings", {"data": {"created": CREATED, "expires": EXPIRES}}, at=5)
    told.put(
        "configmaps",
        "shop/settings",
        {"data": {"created": CREATED, "expires": EXPIRES, "a": "1"}},
        at=7.5,
        left_out=True,
    )
    told.put("configmaps", "shop/settings", {"data": {"created": "2026-03-01T12:00:01.5Z"}}, at=8)
    told.watch("configmaps", from_=0, to=30)
    return told


def bundle() -> bytes:
    told = recording()
    records = [*told.kinds, *told.events, *told.ledger]
    return zstandard.compress(b"\n".join(encode(record) for record in records) + b"\n")


def events() -> list[Event]:
    return [record for record in loader.moved(loader.lines(bundle()), end=NOW) if isinstance(record, Event)]


def test_the_recording_ends_now() -> None:
    records = loader.moved(loader.lines(bundle()), end=NOW)
    last = max(record.at for record in records if isinstance(record, Watermark))
    assert timedelta(0) <= NOW - last < timedelta(seconds=1)


def test_distances_stay_as_they_were() -> None:
    first, second, third = events()
    assert second.ts - first.ts == timedelta(seconds=2.5)
    assert third.observed_at - second.observed_at == timedelta(seconds=0.5)


def test_times_inside_of_objects_and_patches_move_along_but_certificates_do_not() -> None:
    first = events()[0]
    data = orjson.loads(bytes(first.object or b""))["data"]
    assert datetime.fromisoformat(data["created"]) == first.ts.replace(microsecond=0) - timedelta(seconds=7)
    assert data["expires"] == EXPIRES
    assert CREATED.encode() not in bytes(events()[2].patch)


def test_hashes_and_ids_are_those_of_the_moved_events() -> None:
    first, second, _ = events()
    assert first.hash == digest(bytes(first.object or b""))
    assert second.object is None
    assert second.hash != recording().events[1].hash
    assert f":{first.epoch}:" in first.id
    assert first.epoch != recording().events[0].epoch


def test_a_loaded_bundle_is_a_sound_history(store: ChdbStore) -> None:
    loaded = loader.load(store, bundle(), end=NOW, registry=CollectorRegistry())
    report = verify(store, Wanted(cluster="demo"))
    assert (report.events, report.wrong) == (3, 0)
    assert loaded.records == 5
    assert store.rows("SELECT count() FROM coverage FINAL WHERE cluster = 'demo' AND class = 'watched'")[0][0] == 1


@pytest.mark.parametrize("damaged", [b"no zstd", zstandard.compress(b"")])
def test_a_damaged_bundle_is_refused(damaged: bytes) -> None:
    with pytest.raises(loader.BundleError):
        loader.moved(loader.lines(damaged), end=NOW)


def test_questions_name_moments_of_the_recording() -> None:
    end = datetime(2026, 1, 1, 12, tzinfo=UTC)
    asked = Question("?", ("changes", "--from", "{end-1h30m}", "--to", "{end}", "--at", "{start+5s}"))
    assert asked.at(end - timedelta(hours=2), end).command[2::2] == (
        "2026-01-01T10:30:00Z",
        "2026-01-01T12:00:00Z",
        "2026-01-01T10:00:05Z",
    )


def test_the_demo_asks_three_questions() -> None:
    assert len(questions()) == 3
