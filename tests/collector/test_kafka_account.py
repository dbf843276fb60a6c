"""What is written to the compacted topic is what is remembered from it, whatever happened in between."""

from dataclasses import dataclass, field

from hypothesis import given
from hypothesis import strategies as st

from collector.kafka_account import Account
from collector.kafka_table import Table, positions_of
from collector.sink import Position
from schema.canonical import canonical
from schema.objects import Scope
from tests.fakes.records import CLUSTER, NOON, at, event

STEPS = st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from(["whole", "patch", "delete", "pass"])), max_size=60)


@dataclass
class Life:
    number: int
    seq: int = 0
    n: int = 0


@dataclass
class World:
    """Objects that live, and both sides of the topic."""

    account: Account = field(default_factory=lambda: Account(CLUSTER, largest=1_000_000))
    table: Table = field(default_factory=lambda: Table(CLUSTER))
    alive: dict[str, Life] = field(default_factory=dict)
    ended: dict[str, int] = field(default_factory=dict)
    rv: int = 0

    def step(self, name: str, what: str) -> None:
        self.rv += 1
        if what == "pass":
            entries = self.account.move({Scope("pods"): self.position()})
            self.ended.clear()
        else:
            entries = self.change(name, what)
        for key, value in [*entries, self.account.kind_entry("pods")]:
            self.table.put(key, value)

    def change(self, name: str, what: str) -> list[tuple[bytes, bytes | None]]:
        born = name not in self.alive
        life = self.alive.setdefault(name, Life(self.rv))
        life.seq += 1
        before, life.n = life.n, self.rv
        uid, state = f"{name}-{life.number}", canonical({"n": life.n})
        patch = b'[{"op":"test","path":"/n","value":%d},{"op":"replace","path":"/n","value":%d}]' % (before, life.n)
        made = event(self.rv, uid=uid, seq=life.seq, op="add" if born else "update", state=state, patch=patch)
        if what == "patch" and not born:
            made.object = None
        if what == "delete":
            made.op = "delete"
            del self.alive[name]
            self.ended[uid] = self.rv
        return self.account.take(made)

    def position(self) -> Position:
        return Position(rv=str(self.rv), epoch=1, at=at(self.rv), version="v1", since=NOON)


@given(STEPS)
def test_living_objects_are_remembered_whole_and_ends_until_the_resume_point_has_passed(
    steps: list[tuple[str, str]],
) -> None:
    world = World()
    for name, what in steps:
        world.step(name, what)
    known = {one.uid: one.remembered("pods") for one in world.table.lives("pods")}
    assert {uid for uid, one in known.items() if one.deleted} == set(world.ended)
    living = {f"{name}-{life.number}": (life.seq, canonical({"n": life.n})) for name, life in world.alive.items()}
    assert {uid: (one.seq, one.object) for uid, one in known.items() if not one.deleted} == living


@given(STEPS)
def test_the_account_fits_what_is_read_and_nothing_less(steps: list[tuple[str, str]]) -> None:
    world = World()
    for name, what in steps:
        world.step(name, what)
    state = world.table.state("pods")
    lives = list(world.table.lives("pods"))
    again = Account(CLUSTER, largest=1_000_000)
    again.restore("pods", positions_of(state) if state else {}, lives)
    assert state is None or again.sum_of("pods") == (state.lives, state.sum)
    for lost in range(len(lives)):
        less = Account(CLUSTER, largest=1_000_000)
        less.restore("pods", {}, lives[:lost] + lives[lost + 1 :])
        assert less.sum_of("pods") != again.sum_of("pods")
