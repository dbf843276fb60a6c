"""One object through time: state at any moment, lives, and honest answers where there is none."""

from datetime import datetime

import orjson
import pytest

from query import timeline
from query.errors import BadRevision, DamagedHistory
from query.refs import ObjectRef, object_ref
from query.timeline import Deleted, Found, NeverSeen, NotRecorded, NotYet, Outcome
from query.times import RvRef
from schema.chdb import ChdbStore
from tests.fakes.history import History, at


def ref(history: History, name: str = "web", kind: tuple[str, str] = ("deployments", "apps")) -> ObjectRef:
    return object_ref(history.cluster, kind, "shop", name)


def asked(store: ChdbStore, history: History, when: datetime | RvRef, name: str = "web", uid: str = "") -> Outcome:
    return timeline.state_at(store, ref(history, name), when, now=at(9999), uid=uid)


def replicas(outcome: Outcome) -> object:
    assert isinstance(outcome, Found)
    return orjson.loads(bytes(outcome.event.object or b""))["spec"]["replicas"]


def deployment(replicas: int) -> dict[str, object]:
    return {"spec": {"replicas": replicas}}


@pytest.fixture
def web(store: ChdbStore, history: History) -> History:
    """Created at 10, scaled at 20 and 30, deleted at 40, created again at 50."""
    history.watch(from_=0, to=100)
    for seconds, count in ((10, 1), (20, 2), (30, 3)):
        history.put("deployments.apps", "shop/web", {"spec": {"replicas": count}}, at=seconds)
    history.delete("deployments.apps", "shop/web", at=40)
    history.put("deployments.apps", "shop/web", {"spec": {"replicas": 9}}, at=50)
    history.store(store)
    return history


@pytest.mark.parametrize(("seconds", "count"), [(10, 1), (19.999999, 1), (20, 2), (39, 3), (50, 9), (99, 9), (5000, 9)])
def test_the_state_at_a_moment_is_that_of_the_newest_change_up_to_it(
    store: ChdbStore, web: History, seconds: float, count: int
) -> None:
    assert replicas(asked(store, web, at(seconds))) == count


def test_between_two_lives_it_is_deleted_and_its_last_content_is_known(store: ChdbStore, web: History) -> None:
    gone = asked(store, web, at(45))
    assert isinstance(gone, Deleted)
    assert gone.deleted_at == at(40)
    assert orjson.loads(bytes(gone.last.object or b""))["spec"]["replicas"] == 3


def test_before_its_creation_was_seen_it_was_not_there(store: ChdbStore, web: History) -> None:
    assert asked(store, web, at(5)) == NotYet(created_at=at(10), at=at(5))


def test_before_anything_was_watched_nobody_can_say(store: ChdbStore, web: History) -> None:
    assert asked(store, web, at(-5)) == NotRecorded(watched_since=at(0), at=at(-5))


def test_a_name_that_never_was_is_never_seen(store: ChdbStore, web: History) -> None:
    assert asked(store, web, at(50), "nobody") == NeverSeen(at=at(50))


def test_a_kind_that_was_never_watched_is_not_recorded(store: ChdbStore, web: History) -> None:
    found = timeline.state_at(store, ref(web, kind=("widgets", "example.com")), at(50), now=at(99))
    assert found == NotRecorded(watched_since=None, at=at(50))


def test_each_life_can_be_asked_by_its_uid(store: ChdbStore, web: History) -> None:
    first, second = timeline.lives(store, ref(web))
    assert (first.deleted_at, second.deleted_at) == (at(40), None)
    assert replicas(asked(store, web, at(35), uid=first.uid)) == 3
    assert isinstance(asked(store, web, at(99), uid=first.uid), Deleted)
    assert isinstance(asked(store, web, at(35), uid=second.uid), NotYet)


def test_a_resource_version_names_a_state(store: ChdbStore, web: History) -> None:
    assert replicas(asked(store, web, RvRef("102"))) == 2
    assert isinstance(asked(store, web, RvRef("104")), Deleted)
    with pytest.raises(BadRevision):
        asked(store, web, RvRef("7"))


def test_a_resource_version_of_the_cluster_means_the_state_then(store: ChdbStore, history: History) -> None:
    history.put("deployments.apps", "shop/web", {"spec": {"replicas": 1}}, at=1)
    history.put("deployments.apps", "shop/other", {"spec": {"replicas": 5}}, at=2)
    history.store(store)
    assert replicas(asked(store, history, RvRef("102"))) == 1


def test_a_state_that_was_left_out_is_rebuilt_from_its_patches(store: ChdbStore, history: History) -> None:
    for n in range(20):
        history.put("deployments.apps", "shop/web", {"spec": {"replicas": n}}, at=n, left_out=n % 16 != 0)
    history.store(store)
    for n in (0, 1, 15, 16, 19):
        assert replicas(asked(store, history, at(n))) == n


def test_a_damaged_state_is_named_and_not_shown(store: ChdbStore, history: History) -> None:
    event = history.put("deployments.apps", "shop/web", {"spec": {"replicas": 1}}, at=1)
    event.hash = "00" * 16
    history.store(store)
    with pytest.raises(DamagedHistory, match="does not match its hash"):
        asked(store, history, at(2))


def test_a_missing_link_is_named(store: ChdbStore, history: History) -> None:
    for n in range(4):
        history.put("deployments.apps", "shop/web", {"spec": {"replicas": n}}, at=n, left_out=n > 0)
    del history.events[2]
    history.store(store)
    with pytest.raises(DamagedHistory, match="versions before it are missing"):
        asked(store, history, at(3))


def test_an_event_is_found_whole_by_its_id(store: ChdbStore, web: History) -> None:
    newest = asked(store, web, at(99))
    assert isinstance(newest, Found)
    found = timeline.event(store, newest.event.id)
    assert found is not None
    assert found == newest.event
    assert timeline.event(store, newest.event.id + "x") is None
    assert timeline.event(store, "nonsense") is None
