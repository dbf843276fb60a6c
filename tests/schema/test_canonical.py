"""Equal states have equal bytes, others do not, and what cannot be kept is refused."""

import math

import orjson
import pytest
from hypothesis import given

from schema.canonical import MAX_DEPTH, Json, JsonObject, Unserialisable, canonical, digest, same, strip_envelope
from tests.fakes.documents import documents, versions


def nested(levels: int) -> Json:
    value: Json = 1
    for _ in range(levels):
        value = [value]
    return value


def test_the_order_of_members_does_not_matter() -> None:
    assert canonical({"b": 1, "a": {"d": 2, "c": 3}}) == b'{"a":{"c":3,"d":2},"b":1}'
    assert canonical({"a": {"c": 3, "d": 2}, "b": 1}) == canonical({"b": 1, "a": {"d": 2, "c": 3}})


def test_types_are_told_apart() -> None:
    values: list[Json] = [1, 1.0, True, "1", 0, 0.0, -0.0, False, "", None, [], {}, 10**16, 1e16]
    assert len({canonical({"a": value}) for value in values} | {canonical({})}) == len(values) + 1


@given(documents)
def test_canonical_bytes_read_back_as_themselves(document: Json) -> None:
    assert canonical(orjson.loads(canonical(document))) == canonical(document)


@given(versions())
def test_same_means_same_bytes(pair: tuple[Json, Json]) -> None:
    old, new = pair
    assert same(old, new) == (canonical(old) == canonical(new))
    assert same(old, orjson.loads(canonical(old)))


def test_same_also_compares_what_has_no_canonical_form() -> None:
    assert same({"a": ["\ud83d", 1]}, {"a": ["\ud83d", 1]})
    assert not same({"a": ["\ud83d", 1]}, {"a": ["\ud83d", True]})


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (nested(MAX_DEPTH + 1), "240 levels"),
        ("\ud83d", "surrogate"),
        ({"\ud83d": 1}, "surrogate"),
        (2**64, "64 bits"),
        (-(2**63) - 1, "64 bits"),
        (math.nan, "not finite"),
        ({"a": [None, {"b": math.inf}]}, "not finite"),
        ({"a": [None, {"b": -math.inf}]}, "not finite"),
    ],
)
def test_what_cannot_be_kept_is_refused_with_its_reason(value: Json, reason: str) -> None:
    with pytest.raises(Unserialisable, match=reason):
        canonical({"secret": value} if not isinstance(value, list) else value)


def test_the_refusal_quotes_no_value() -> None:
    with pytest.raises(Unserialisable) as refusal:
        canonical({"password": ["hunter2", 2**70]})
    assert "hunter2" not in str(refusal.value)
    assert str(2**70) not in str(refusal.value)


def test_what_is_just_kept_can_still_be_put_into_a_patch_and_an_answer() -> None:
    deep = nested(MAX_DEPTH)
    assert canonical(deep) == b"[" * MAX_DEPTH + b"1" + b"]" * MAX_DEPTH
    assert orjson.dumps({"items": [{"patch": [{"op": "add", "path": "", "value": deep}]}]})


def test_the_widest_integers_are_kept() -> None:
    assert canonical([2**64 - 1, -(2**63)]) == b"[18446744073709551615,-9223372036854775808]"


def test_null_is_no_reason_to_refuse() -> None:
    assert canonical([None, 0xCB7FF000, 1.7976931348623157e308])  # bytes that look like an infinity, and a near one
    assert canonical({"lastProbeTime": None, "weight": 0.5}) == b'{"lastProbeTime":null,"weight":0.5}'


def test_a_digest_is_32_hex_digits_of_blake2b() -> None:
    assert digest(b"{}") == "2afb9b83f9314e5d029766197f539792"  # printf '{}' | b2sum -l 128


def test_the_envelope_comes_off_in_place() -> None:
    pod: JsonObject = {"metadata": {"name": "web", "resourceVersion": "7", "managedFields": [{"manager": "kubectl"}]}}
    assert strip_envelope(pod) == ("7", [{"manager": "kubectl"}])
    assert pod == {"metadata": {"name": "web"}}


@pytest.mark.parametrize("obj", [{}, {"metadata": None}, {"metadata": {}}, {"metadata": {"managedFields": "odd"}}])
def test_an_object_without_an_envelope_is_taken_as_it_is(obj: JsonObject) -> None:
    assert strip_envelope(obj) == ("", None)
