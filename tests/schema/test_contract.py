"""The published schema of the topic fits what is really written, and refuses what is not."""

from collections.abc import Sequence

import orjson
import pytest
from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError
from msgspec import Raw

from schema.codec import encode
from schema.contract import record_schema
from schema.events import Actor, ClockStep, Record, Stop
from tests.fakes import records
from tests.fakes.records import CLUSTER, CLUSTER_UID, at

PATCH = b'[{"op":"test","path":"/n","value":1},{"op":"replace","path":"/n","value":2}]'
EVERY: Sequence[Record] = (
    records.event(),
    records.event(2, op="update", seq=2, patch=PATCH),
    records.event(3, op="update", seq=3, state=b"", state_hash="00", managed=b"[]"),
    records.event(4, op="delete"),
    records.kube_event(),
    records.watermark(10, "pods", "deployments.apps/shop"),
    records.gap(),
    records.late(),
    records.start(),
    Stop(cluster=CLUSTER, cluster_uid=CLUSTER_UID, at=at(1), instance="i-1", reason="asked to"),
    records.kinds(),
    ClockStep(cluster=CLUSTER, cluster_uid=CLUSTER_UID, at=at(1), step=-2.5),
)


@pytest.fixture(scope="module")
def contract() -> Draft202012Validator:
    Draft202012Validator.check_schema(record_schema())
    return Draft202012Validator(record_schema())


def test_every_type_of_record_is_asked() -> None:
    assert {type(each) for each in EVERY} == set(Record.__args__)


@pytest.mark.parametrize("record", EVERY, ids=lambda each: type(each).__name__)
def test_what_is_written_fits(contract: Draft202012Validator, record: Record) -> None:
    contract.validate(orjson.loads(encode(record)))


def test_a_change_with_everything_filled_in_fits(contract: Draft202012Validator) -> None:
    change = records.event(5, op="update", seq=2, patch=PATCH, managed=b'[{"manager":"helm"}]')
    change.actor = Actor(name="helm", operation="Apply", time=at(5), source="managedFields", confidence="high")
    change.paths, change.managers, change.gap, change.since = ["n", "m"], ["helm", None], "g-1", at(1)
    change.claimed_at, change.noise, change.object = at(4), "status", Raw(b'{"n": 2}')
    contract.validate(orjson.loads(encode(change)))


@pytest.mark.parametrize(
    "wrong",
    [
        {"v": 2}, {"type": "other"}, {"op": "upsert"}, {"seq": "1"}, {"patch": {}}, {"object": []}, {"paths": "n"},
        {"ts_error": None}, {"actor": "helm"},
    ],
    ids=str,
)  # fmt: skip
def test_what_is_no_record_does_not(contract: Draft202012Validator, wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        contract.validate({**orjson.loads(encode(records.event())), **wrong})


def test_fields_that_come_later_are_no_breach(contract: Draft202012Validator) -> None:
    contract.validate({**orjson.loads(encode(records.event())), "later": 1})
