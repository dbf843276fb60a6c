"""Away for 100 s from 10,000 objects: what etcd still has is healed, what it has not is one gap, in virtual time."""

from collections import Counter

from schema.events import Event, Gap
from tests.simulation.absence import AWAY, DELETED, LEAVING, MANY, OBJECTS, RECREATED, UPDATED, Absence, away, swept
from tests.simulation.run import Simulation


def told(run: Simulation) -> Counter[tuple[str, str]]:
    """How often each origin told each operation, but for the first list."""
    found = Counter((one.origin, one.op) for one in run.kept.records if isinstance(one, Event))
    return Counter({key: count for key, count in found.items() if key[0] != "list"})


def test_all_that_happened_to_10_000_objects_in_100_s_is_healed() -> None:
    run, complaints = away(Absence())
    assert complaints == []
    assert not any(isinstance(one, Gap) for one in run.kept.records)
    ended = DELETED + RECREATED
    assert told(run) == {("healed", "update"): UPDATED, ("healed", "delete"): ended, ("healed", "add"): RECREATED}


def test_what_was_compacted_is_one_gap_of_the_kind_to_which_it_happened() -> None:
    run, complaints = away(Absence(compacted=AWAY / 2))
    assert complaints == []
    (gap,) = (one for one in run.kept.records if isinstance(one, Gap))
    assert (gap.resource, gap.reason, int(gap.to_rv)) == (MANY, "expired", run.world.compacted)
    assert gap.from_t <= run.world.moment(LEAVING)
    assert run.world.moment(LEAVING + AWAY / 2) <= gap.to_t <= run.world.moment(LEAVING + AWAY + 10)
    healed, found = (sum(n for (origin, _), n in told(run).items() if origin == one) for one in ("healed", "relist"))
    assert healed > 300
    assert healed + found == UPDATED + DELETED + 2 * RECREATED


def test_10_000_objects_that_end_at_once_are_told_one_by_one_although_the_server_cuts_the_watch_off() -> None:
    run, complaints = swept()
    assert complaints == []
    assert not any(isinstance(one, Gap) for one in run.kept.records)
    assert told(run) == {("watch", "delete"): OBJECTS}
