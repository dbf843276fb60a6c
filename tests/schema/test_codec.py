"""Every record survives the log as it was, and what is no record is refused without telling what it holds."""

import contextlib
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Raw, structs

from schema.canonical import Unserialisable, canonical
from schema.codec import CodecError, Malformed, UnknownType, UnknownVersion, decode, encode
from schema.events import (
    Actor,
    ClockStep,
    Event,
    Gap,
    Involved,
    KindInfo,
    Kinds,
    KubeEvent,
    Late,
    Record,
    Start,
    Stop,
    Watermark,
)
from tests.fakes.documents import documents, texts

moments = st.datetimes(min_value=datetime(1970, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001  # the zone comes with it
raws = documents.map(canonical).map(Raw)
present = raws.filter(lambda raw: bytes(raw) != b"null")
lines = {"cluster": texts, "cluster_uid": texts}
place = lines | {"id": texts, "resource": texts, "group": texts, "namespace": texts, "reason": texts}
span = place | {"from_t": moments, "to_t": moments}
counts = st.integers(0, 2**63 - 1)
seconds = st.floats(0, 1e9)

actors = st.builds(Actor, name=texts, time=st.none() | moments, source=st.just("audit"), confidence=st.just("high"))
events = st.builds(
    Event,
    **dict.fromkeys(("id", "cluster", "cluster_uid", "group", "version", "kind", "resource", "namespace"), texts),
    **dict.fromkeys(("name", "uid", "cause", "rv", "prev_rv", "noise", "hash"), texts),
    op=st.sampled_from(("add", "update", "delete")),
    origin=st.sampled_from(("watch", "list", "healed", "relist", "audit", "checkpoint", "inferred")),
    epoch=counts,
    seq=counts,
    observed_at=moments,
    ts=moments,
    ts_error=seconds,
    claimed_at=st.none() | moments,
    since=st.none() | moments,
    patch=raws,
    paths=st.lists(texts, max_size=3),
    managers=st.lists(st.none() | texts, max_size=3),
    managed=st.none() | present,
    object=st.none() | present,
    actor=actors,
    gap=st.none() | texts,
)
kube_events = st.builds(
    KubeEvent,
    **dict.fromkeys(("cluster", "cluster_uid", "namespace", "name", "uid", "rv", "event_type", "reason"), texts),
    **dict.fromkeys(("message", "component", "host"), texts),
    count=counts,
    first_seen=st.none() | moments,
    last_seen=st.none() | moments,
    involved=st.builds(Involved, kind=texts, name=texts),
    observed_at=moments,
    ts=moments,
)
kinds = st.builds(
    KindInfo,
    **dict.fromkeys(("resource", "group", "version", "kind", "singular", "reason"), texts),
    namespaced=st.booleans(),
    short_names=st.lists(texts, max_size=2),
    watching=st.sampled_from(("yes", "off", "excluded", "forbidden", "unwatchable", "gone")),
)
scopes = st.dictionaries(texts, st.tuples(texts, moments, moments, moments), max_size=3)
records: st.SearchStrategy[Record] = st.one_of(
    events,
    kube_events,
    st.builds(Watermark, **lines, slot=counts, at=moments, scopes=scopes),
    st.builds(Gap, **span, from_rv=texts, to_rv=texts),
    st.builds(Late, **span, events=counts),
    st.builds(Start, **lines, at=moments, instance=texts, software=texts),
    st.builds(Stop, **lines, at=moments, instance=texts, reason=texts),
    st.builds(Kinds, **lines, at=moments, kinds=st.lists(kinds, max_size=2), partial=st.booleans()),
    st.builds(ClockStep, **lines, at=moments, step=seconds),
)

NOON = datetime(2026, 11, 22, 12, 0, 0, 5, tzinfo=UTC)
STOP = Stop(cluster="lab", cluster_uid="u", at=NOON, instance="i", reason="asked to")


def event(**fields: Raw | str | None) -> Event:
    template = Event(
        id="i", cluster="lab", cluster_uid="u", group="", version="v1", kind="Pod", resource="pods", namespace="shop",
        name="web", uid="1", op="add", origin="watch", epoch=1, seq=1, rv="7", observed_at=NOON, ts=NOON, hash="0" * 32,
    )  # fmt: skip
    return structs.replace(template, **fields)


@given(records)
def test_every_record_is_read_as_it_was_written(record: Record) -> None:
    again = decode(encode(record))
    assert again == record
    assert type(again) is type(record)


@given(records, st.dictionaries(texts.map("new_{}".format), documents, min_size=1, max_size=3))
def test_fields_of_newer_writers_are_ignored(record: Record, extra: dict[str, str]) -> None:
    more = canonical(extra)[1:]  # type: ignore[arg-type]  # any JSON will do
    assert decode(encode(record)[:-1] + b"," + more) == record


def test_times_are_written_in_utc_to_the_microsecond() -> None:
    assert b'"at":"2026-11-22T12:00:00.000005Z"' in encode(STOP)


def test_times_of_another_zone_are_the_same_moment() -> None:
    elsewhere = structs.replace(STOP, at=NOON.astimezone(timezone(timedelta(hours=2))))
    assert decode(encode(elsewhere)) == STOP


def test_objects_and_patches_pass_through_byte_by_byte() -> None:
    sent = event(object=Raw(b'{ "b":1,"a":1.0 }'), patch=Raw(b"[ ]"), managed=None)
    got = decode(encode(sent))
    assert isinstance(got, Event)
    assert (bytes(got.object or b""), bytes(got.patch), got.managed) == (b'{ "b":1,"a":1.0 }', b"[ ]", None)


def test_a_left_out_object_is_none_whether_null_or_missing() -> None:
    left_out = encode(event())
    assert b'"object":null' in left_out
    for raw in (left_out, left_out.replace(b'"object":null,', b"").replace(b'"managed":null,', b"")):
        assert decode(raw) == event()


@pytest.mark.parametrize(
    ("raw", "error", "says"),
    [
        (b'{"type":"stop","v":2}', UnknownVersion, "version 2"),
        (b'{"type":"new","v":3,"cluster":7}', UnknownVersion, "version 3"),
        (b'{"type":"stop","v":1' + b"0" * 18 + b"}", UnknownVersion, "huge"),
        (encode(STOP).replace(b'"v":1', b'"v":0'), UnknownVersion, "version 0"),
        (b'{"type":"new","v":1}', UnknownType, "`new`"),
        (b'{"type":"hunter2 hunter2","v":1}', UnknownType, "no plain word"),
        (b"", Malformed, "truncated"),
        (b"hunter2", Malformed, "byte 0"),
        (encode(STOP)[:-3], Malformed, "truncated"),
        (encode(STOP) + b"{}", Malformed, "trailing"),
        (b'{"type":"stop"} hunter2', Malformed, "trailing"),
        (b"[]", Malformed, "Expected `object`"),
        (b'{"v":1}', Malformed, "`type`"),
        (b'{"type":["hunter2"],"v":1}', Malformed, "$.type"),
        (b'{"type":"stop","v":"hunter2"}', Malformed, "$.v"),
        (b'{"type":"stop"}', Malformed, "`cluster`"),
        (b'{"type":"change","op":"hunter2"}', Malformed, "$.op"),
        (encode(STOP).replace(b"2026", b"hunter2"), Malformed, "$.at"),
        (encode(STOP).replace(b"05Z", b"05"), Malformed, "timezone"),
        (encode(STOP).replace(b"asked", b"\xff"), Malformed, "UTF-8"),
        (encode(event(object=Raw(b'"\xff"'))), Malformed, "UTF-8"),
        (encode(event(object=Raw(b"[" * 5000 + b"]" * 5000))), Malformed, "too deeply"),
        (b'{"type":"stop","v":1,"x":' + b"[" * 5000, Malformed, "too deeply"),
    ],
)
def test_what_is_no_record_is_refused_without_quoting_it(raw: bytes, error: type[CodecError], says: str) -> None:
    with pytest.raises(error) as refusal:
        decode(raw)
    assert says in str(refusal.value)
    assert "hunter2" not in str(refusal.value)


@given(st.binary(max_size=40) | st.tuples(records, counts, st.binary(max_size=2)).map(
    lambda cut: (raw := encode(cut[0]))[: cut[1] % len(raw)] + cut[2] + raw[cut[1] % len(raw) + 1 :]
))  # fmt: skip
def test_damaged_bytes_are_a_record_or_a_named_error(raw: bytes) -> None:
    with contextlib.suppress(CodecError):
        decode(raw)


def test_half_a_surrogate_pair_cannot_be_written() -> None:
    with pytest.raises(Unserialisable, match="surrogate"):
        encode(event(name="\ud83d"))
