from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schema.events import Actor, ClockStep, KindInfo, Kinds, Start
from schema.rows import event_rows, events_from_arrow, kube_event_rows, rv_order
from schema.rows_control import DeadLetter, coverage_rows, dead_letter_rows, kind_rows
from tests.fakes.records import CLUSTER, CLUSTER_UID, NOON, at, event, gap, kube_event, late, watermark

moments = st.datetimes(datetime(1971, 1, 1), datetime(2199, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001
words = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)


@given(
    name=words,
    noise=words,
    ts=moments,
    claimed_at=st.none() | moments,
    since=st.none() | moments,
    ts_error=st.floats(0, 1e6),
    owners=st.lists(st.tuples(words, st.none() | words.filter(bool))),
    actor=st.builds(Actor, name=words.filter(bool), operation=words, time=st.none() | moments),
    gap=st.none() | words.filter(bool),
    managed=st.none() | st.just(msgspec.Raw(b'[{"manager":"m"}]')),
    state=st.none() | st.just(msgspec.Raw('{"é":"\\ud83e"}'.encode())),
)
def test_an_event_survives_the_way_into_columns_and_back(
    owners: list[tuple[str, str | None]], state: msgspec.Raw | None, **fields: object
) -> None:
    paths, managers = [path for path, _ in owners], [manager for _, manager in owners]
    original = msgspec.structs.replace(event(1), object=state, paths=paths, managers=managers, **fields)
    assert list(events_from_arrow(event_rows([original]))) == [original]


@pytest.mark.parametrize(
    ("rv", "order"), [("17", 17), (str(2**64 - 1), 2**64 - 1), (str(2**64), 5), ("a1", 5), ("", 5), ("²", 5)]
)
def test_versions_are_ordered_as_numbers_and_else_by_seq(rv: str, order: int) -> None:
    assert rv_order(rv, 5) == order


def test_a_kubernetes_event_keeps_what_it_is_about() -> None:
    [row] = kube_event_rows([kube_event(7)]).to_pylist()
    assert (row["involved_kind"], row["involved_name"], row["rv_order"], row["ts"]) == ("Pod", "web", 7, at(7))


def test_a_watermark_moves_the_end_of_its_watched_intervals() -> None:
    marks = [watermark(10, "pods", "deployments.apps/shop"), watermark(20, "pods", confirmed=at(15))]
    rows = coverage_rows(marks, at=at(21)).to_pylist()
    names = ("resource", "group", "namespace", "class", "from_t", "to_t", "confirmed")
    found = [tuple(row[name] for name in names) for row in rows]
    assert found == [
        ("pods", "", "", "watched", NOON, at(20), at(15)),
        ("deployments", "apps", "shop", "watched", NOON, at(10), at(10)),
    ]


def test_gaps_and_late_spans_keep_their_id_and_reason() -> None:
    rows = coverage_rows([gap(10, 20), late(30, 40)], at=at(41)).to_pylist()
    assert [(r["class"], r["id"], r["from_t"], r["to_t"], r["events"]) for r in rows] == [
        ("gap", "g-1", at(10), at(20), 0),
        ("late", "l-1", at(30), at(40), 3),
    ]


@pytest.mark.parametrize(("step", "span"), [(5.0, (at(5), at(10))), (-5.0, (at(10), at(15)))])
def test_a_step_of_the_clock_covers_the_time_in_doubt(step: float, span: tuple[datetime, datetime]) -> None:
    record = ClockStep(cluster=CLUSTER, cluster_uid=CLUSTER_UID, at=at(10), step=step)
    [row] = coverage_rows([record], at=at(11)).to_pylist()
    assert (row["class"], row["step"], (row["from_t"], row["to_t"])) == ("clock", step, span)


def test_a_start_is_a_mark_without_length() -> None:
    record = Start(cluster=CLUSTER, cluster_uid=CLUSTER_UID, at=at(1), instance="i", software="1.0")
    [row] = coverage_rows([record], at=at(2)).to_pylist()
    assert (row["class"], row["id"], row["reason"], row["to_t"] - row["from_t"]) == ("start", "i", "1.0", timedelta())


def test_discovery_becomes_one_row_per_kind() -> None:
    pods = KindInfo(
        resource="pods", group="", version="v1", kind="Pod", namespaced=True, short_names=["po"], watching="yes"
    )
    [row] = kind_rows([Kinds(cluster=CLUSTER, cluster_uid=CLUSTER_UID, at=NOON, kinds=[pods])]).to_pylist()
    assert (row["resource"], row["since"], row["short_names"], row["watching"]) == ("pods", NOON, ["po"], "yes")


@pytest.mark.parametrize(("keep", "stored"), [(True, b"{\xff"), (False, b"")])
def test_a_dead_letter_is_kept_only_when_it_can_hold_no_secret(keep: bool, stored: bytes) -> None:
    letter = DeadLetter(log_id="l", partition=0, offset=3, at=NOON, reason="no JSON", raw=b"{\xff", keep=keep)
    [row] = dead_letter_rows([letter]).to_pylist()
    assert (row["raw"], row["size"], len(row["digest"])) == (stored, 2, 32)
