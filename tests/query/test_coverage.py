"""How well the history knows what was asked: never a false "complete", and every doubt in a sentence."""

import pytest

from query import coverage
from query.coverage import Window
from query.models import Coverage
from query.scope import Scope
from schema.chdb import ChdbStore
from schema.events import FORBIDDEN_IN
from tests.fakes.history import KINDS, LEASES, History, at, kind_info


def assess(
    store: ChdbStore,
    history: History,
    after: float,
    until: float,
    *,
    kind: tuple[str, str] | None = None,
    namespace: str = "",
    open_end: bool = False,
) -> Coverage:
    history.store(store)
    scope = Scope(
        clusters=(history.cluster,),
        kinds=(kind,) if kind else (),
        namespaces=(namespace,) if namespace else (),
    )
    return coverage.assess(store, scope, Window(after=at(after), until=at(until), open_end=open_end))


PODS = ("pods", "")
ALL = [f"{each.resource}.{each.group}".rstrip(".") for each in KINDS]


def test_watched_all_the_time_is_complete(store: ChdbStore, history: History) -> None:
    history.watch(from_=0, to=100, confirmed=97)
    found = assess(store, history, 10, 90)
    assert found.complete
    assert (found.watched_since, found.watermark, found.confirmed) == (at(0), at(100), at(97))


def test_an_interval_grows_with_the_watermark(store: ChdbStore, history: History) -> None:
    for to in (10, 20, 30):
        history.watch(from_=0, to=to)
        history.store(store)
    assert assess(store, history, 0, 30).complete
    assert not assess(store, history, 0, 31).complete


def test_the_slowest_stream_decides(store: ChdbStore, history: History) -> None:
    history.watch(from_=0, to=100)
    history.watch("pods", from_=0, to=60, confirmed=50)
    found = assess(store, history, 0, 90)
    assert (found.complete, found.watermark, found.confirmed) == (False, at(60), at(50))
    assert assess(store, history, 0, 90, kind=("configmaps", "")).complete


def test_before_watching_began_nothing_is_claimed(store: ChdbStore, history: History) -> None:
    history.watch(from_=10, to=100)
    assert assess(store, history, 5, 50).why == ["Not everything was watched before 2026-03-01T12:00:10Z."]


def test_what_was_never_watched_is_not_empty_but_unknown(store: ChdbStore, history: History) -> None:
    found = assess(store, history, 0, 10, kind=("widgets", "example.com"))
    assert (found.complete, found.watched_since, found.watermark) == (False, None, None)
    assert found.why == ["Nothing that was asked for has ever been watched."]


@pytest.mark.parametrize(
    ("after", "until", "complete"), [(0, 20, True), (0, 21, False), (25, 26, False), (30, 40, True)]
)
def test_a_gap_spoils_exactly_what_it_touches(
    store: ChdbStore, history: History, after: float, until: float, complete: bool
) -> None:
    history.watch(from_=0, to=100)
    history.gap("pods", 20, 30)
    assert assess(store, history, after, until, kind=PODS).complete is complete
    assert assess(store, history, after, until, kind=("nodes", "")).complete


def test_a_state_inside_of_a_gap_is_doubtful(store: ChdbStore, history: History) -> None:
    history.watch(from_=0, to=100)
    history.gap("pods", 20, 30)
    assert not assess(store, history, 25, 25, kind=PODS).complete
    assert assess(store, history, 35, 35, kind=PODS).complete


def test_a_break_between_two_intervals_is_a_gap_even_when_nobody_recorded_one(
    store: ChdbStore, history: History
) -> None:
    history.watch("pods", from_=0, to=50)
    history.watch("pods", from_=80, to=100)
    found = assess(store, history, 10, 90, kind=PODS)
    assert [(gap.from_, gap.to, gap.reason) for gap in found.gaps] == [(at(50), at(80), "not watched")]
    assert not found.complete


def test_a_break_that_a_gap_explains_is_told_once(store: ChdbStore, history: History) -> None:
    history.watch("pods", from_=0, to=50)
    history.watch("pods", from_=80, to=100)
    history.gap("pods", 50, 80, reason="expired")
    assert [gap.reason for gap in assess(store, history, 10, 90, kind=PODS).gaps] == ["expired"]


def test_late_spans_are_told_and_miss_nothing(store: ChdbStore, history: History) -> None:
    history.watch(from_=0, to=100)
    history.late("pods", 20, 30)
    found = assess(store, history, 0, 50)
    assert (found.complete, [late.reason for late in found.late]) == (True, ["reconnected"])
    assert assess(store, history, 31, 50).late == []


@pytest.mark.parametrize(
    ("after", "until", "complete"), [(0, 20, True), (0, 25, False), (25, 40, False), (30, 40, True), (25, 25, False)]
)
def test_an_edge_within_a_late_span_may_be_on_the_wrong_side_of_a_change(
    store: ChdbStore, history: History, after: float, until: float, complete: bool
) -> None:
    history.watch(from_=0, to=100)
    history.late("pods", 20, 30)
    found = assess(store, history, after, until)
    assert found.complete is complete
    assert complete or "12:00:25Z are estimates (pods)" in found.why[0]


def test_a_window_that_ends_now_needs_a_live_watermark(store: ChdbStore, history: History) -> None:
    history.watch(from_=0, to=100)
    assert assess(store, history, 0, 104, open_end=True).complete
    assert not assess(store, history, 0, 104).complete
    assert not assess(store, history, 0, 200, open_end=True).complete


def test_what_was_switched_off_is_named_and_spoils_only_questions_about_it(store: ChdbStore) -> None:
    history = History("off", kinds=(*KINDS, LEASES))
    history.watch(from_=0, to=100)
    found = assess(store, history, 0, 50)
    assert (found.complete, [(each.resource, each.watching) for each in found.unwatched]) == (
        True,
        [("leases.coordination.k8s.io", "off")],
    )
    asked = assess(store, history, 0, 50, kind=("leases", "coordination.k8s.io"))
    assert not asked.complete
    assert "off" in asked.why[0]


def test_a_forbidden_kind_makes_a_broad_answer_incomplete(store: ChdbStore) -> None:
    history = History("forbidden", kinds=(*KINDS, kind_info("roles.rbac", "Role", watching="forbidden", reason="403")))
    history.watch(from_=0, to=100)
    assert not assess(store, history, 0, 50).complete
    assert assess(store, history, 0, 50, kind=PODS).complete


def test_many_forbidden_kinds_are_one_sentence(store: ChdbStore) -> None:
    refused = [kind_info(f"things{number}.x", f"Thing{number}", watching="forbidden") for number in range(26)]
    history = History("many-forbidden", kinds=(*KINDS, *refused))
    history.watch(from_=0, to=100)
    (sentence,) = assess(store, history, 0, 50).why
    assert sentence.startswith("26 kinds are not watched (forbidden): things0.x, ")
    assert sentence.endswith(" and 21 more.")


def test_a_namespace_that_is_forbidden_spoils_what_it_belongs_to(store: ChdbStore) -> None:
    partly = kind_info("pods", "Pod", reason=f"{FORBIDDEN_IN}b, c")
    history = History("forbidden-in", kinds=(*(each for each in KINDS if each.resource != "pods"), partly))
    history.watch(*(each for each in ALL if each != "pods"), from_=0, to=100)
    history.watch("pods", from_=0, to=100, namespace="a")
    assert assess(store, history, 0, 50).why == ["pods is not watched (forbidden: in b, c)."]
    assert "in b" in assess(store, history, 0, 50, kind=PODS, namespace="b").why[0]
    assert assess(store, history, 0, 50, kind=PODS, namespace="a").complete


def test_what_was_asked_beside_the_known_is_not_passed_over(store: ChdbStore, history: History) -> None:
    history.watch("configmaps", from_=0, to=100)
    history.watch("pods", from_=0, to=100, namespace="a")
    history.store(store)
    window = Window(after=at(0), until=at(50))
    scope = Scope(clusters=(history.cluster, "nope"), kinds=(PODS, ("configmaps", ""), ("foo", "bar")))
    assert coverage.assess(store, scope, window).why == [
        "Not watched in cluster: nope.",
        "Not watched at all: foo.bar.",
    ]
    scope = Scope(clusters=(history.cluster,), kinds=(PODS, ("configmaps", "")), namespaces=("a", "c"))
    assert coverage.assess(store, scope, window).why == ["Not watched in namespace: c."]


def test_no_list_of_changes_claims_to_know_all_kubernetes_events(store: ChdbStore) -> None:
    history = History("events", kinds=(*KINDS, kind_info("events", "Event")))
    history.watch(*ALL, "events", from_=0, to=100)
    assert assess(store, history, 0, 50).complete
    asked = assess(store, history, 0, 50, kind=("events", ""))
    assert (asked.complete, len(asked.why)) == (False, 1)
    scope = Scope(clusters=(history.cluster,), kinds=(("events", ""),))
    assert coverage.report(store, scope, at(0), at(50)).coverage.complete


def test_a_kind_that_came_later_was_not_missing_before(store: ChdbStore, history: History) -> None:
    history.watch(from_=0, to=100)
    history.store(store)
    history.serve(kind_info("widgets.example.com", "Widget"), since=50)
    history.watch("widgets.example.com", from_=51, to=100)
    found = assess(store, history, 10, 90)
    assert [(gap.resource, gap.from_, gap.to) for gap in found.gaps] == [("widgets.example.com", at(50), at(51))]
    assert assess(store, history, 10, 49).complete
    assert found.watched_since == at(0)


def test_one_watch_per_namespace_answers_for_its_namespaces(store: ChdbStore, history: History) -> None:
    for namespace in ("a", "b"):
        history.watch("pods", from_=0, to=100, namespace=namespace)
    assert assess(store, history, 0, 50, kind=PODS, namespace="a").complete
    assert not assess(store, history, 0, 50, kind=PODS, namespace="c").complete
    broad = assess(store, history, 0, 50, kind=PODS)
    assert [each.reason for each in broad.unwatched] == ["only in a, b"]


def test_the_report_lists_watched_intervals(store: ChdbStore, history: History) -> None:
    history.watch("pods", "nodes", from_=0, to=100)
    history.store(store)
    found = coverage.report(store, Scope(clusters=(history.cluster,), kinds=(PODS,)), None, at(90))
    assert [(each.resource, each.from_, each.to) for each in found.watched] == [("pods", at(0), at(100))]
    assert found.coverage.complete
