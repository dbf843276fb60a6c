"""Etcd and the watch caches in front of it, as the API server's source has them: pure, every time is passed in.

One number counts every write of every kind that lives in the same etcd; there may be two of them, whose numbers have
nothing to do with one another. Etcd keeps what happened until it is compacted; a watch cache keeps what
it has seen since it was made (again), at least for 75 s. `truth` is everything that ever was, also what a restore from
a backup has undone (`undone`: era, kind and version): `era` tells the timelines apart.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Final, Literal

import orjson

from schema.canonical import Json, JsonObject
from schema.objects import Kind

Change = Literal["ADDED", "MODIFIED", "DELETED"]
NOON: Final = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
CACHE_SECONDS: Final = 75.0
"""A watch cache keeps events at least so long (kube-apiserver, `eventFreshDuration`)."""
COMPACTED_AFTER: Final = 300.0
"""kube-apiserver, --etcd-compaction-interval."""
FIRST: Final = 100


LEASES: Final = Kind(
    group="coordination.k8s.io",
    version="v1",
    resource="leases",
    kind="Lease",
    namespaced=True,
    verbs=frozenset({"get", "list", "watch"}),
)
"""Not recorded by default."""


@dataclass(frozen=True, slots=True)
class Write:
    """One write: what a watch says of it, and when it was committed (seconds)."""

    rv: int
    era: int
    at: float
    kind: str
    change: Change
    namespace: str
    name: str
    uid: str
    raw: bytes

    @property
    def line(self) -> bytes:
        return b'{"type":"%s","object":%s}\n' % (self.change.encode(), self.raw)


@dataclass(slots=True)
class Etcd:
    """`revision`: of its newest write; below `compacted` it knows nothing. `first`: how it began."""

    first: int = FIRST
    revision: int = 0
    compacted: int = 0

    def __post_init__(self) -> None:
        self.revision = self.compacted = self.first


@dataclass(slots=True)
class World:
    """A cluster's store with writers of its own, whose chance is seeded. Times are seconds since `start`.

    `elsewhere`: kind → the place of its etcd, where that is not the first. `unserved`: so often a write is followed by
    one to a key that no API serves, in any etcd; its chance is another one. `mortality`: of each write to what lives.
    """

    kinds: Mapping[str, Kind]
    chance: Random
    start: datetime = NOON
    etcds: list[Etcd] = field(default_factory=lambda: [Etcd()])
    elsewhere: Mapping[str, int] = field(default_factory=dict)
    unserved: float = 0.0
    mortality: float = 0.15
    era: int = 0
    truth: list[Write] = field(default_factory=list)
    undone: set[tuple[int, str, int]] = field(default_factory=set)
    log: list[Write] = field(default_factory=list)
    living: dict[tuple[str, str, str], JsonObject] = field(default_factory=dict)
    caches: dict[str, int] = field(default_factory=dict)
    _lives: int = 0
    _writes_of: dict[tuple[str, str, str], list[Write]] = field(default_factory=dict)

    _other_chance: Random = field(default_factory=lambda: Random(1))

    def __post_init__(self) -> None:
        self.caches = {kind: self.etcd(kind).revision for kind in self.kinds}

    def etcd(self, kind: str) -> Etcd:
        """Where this kind lives."""
        return self.etcds[self.elsewhere.get(kind, 0)]

    @property
    def revision(self) -> int:
        """Of the first etcd."""
        return self.etcds[0].revision

    @property
    def compacted(self) -> int:
        """Of the first etcd."""
        return self.etcds[0].compacted

    # ---- what writers do ------------------------------------------------------------------------------------------

    def write(self, at: float) -> Write:
        """Something happens to something."""
        if self._other_chance.random() < self.unserved:
            self._other_chance.choice(self.etcds).revision += 1
        kind = self.chance.choice(list(self.kinds))
        key = (kind, self.chance.choice(("shop", "test")), f"o{self.chance.randrange(6)}")
        if key not in self.living:
            return self.create(key, at)
        return self.delete(key, at) if self.chance.random() < self.mortality else self.update(key, at)

    def create(self, key: tuple[str, str, str], at: float) -> Write:
        kind, namespace, name = key
        self._lives += 1
        meta: JsonObject = {
            "name": name,
            "namespace": namespace,
            "uid": f"{name}-{self._lives}",
            "creationTimestamp": self._stamp(at),
        }
        obj: JsonObject = {"apiVersion": self.kinds[kind].api_version, "kind": self.kinds[kind].kind, "metadata": meta}
        self.living[key] = {**obj, "data": {"value": "0", "text": "x" * self.chance.randrange(40)}}
        return self._commit(key, "ADDED", at)

    def update(self, key: tuple[str, str, str], at: float) -> Write:
        before = self.living[key]
        data = before["data"]
        assert isinstance(data, dict)
        self.living[key] = {**before, "data": {**data, self.chance.choice("abcvalue"): str(self.etcd(key[0]).revision)}}
        return self._commit(key, "MODIFIED", at)

    def delete(self, key: tuple[str, str, str], at: float) -> Write:
        write = self._commit(key, "DELETED", at)
        del self.living[key]
        return write

    def _commit(self, key: tuple[str, str, str], change: Change, at: float) -> Write:
        kind, namespace, name = key
        etcd = self.etcd(kind)
        etcd.revision += 1
        obj = self.living[key]
        meta = obj["metadata"]
        assert isinstance(meta, dict)
        managed: list[Json] = [{
            "manager": "writer",
            "operation": "Update",
            "apiVersion": self.kinds[kind].api_version,
            "time": self._stamp(at),
            "fieldsType": "FieldsV1",
            "fieldsV1": {"f:data": {}},
        }]  # fmt: skip
        served = {**obj, "metadata": {**meta, "resourceVersion": str(etcd.revision), "managedFields": managed}}
        write = Write(
            etcd.revision, self.era, at, kind, change, namespace, name, str(meta["uid"]), orjson.dumps(served)
        )
        self.truth.append(write)
        self.log.append(write)
        self._writes_of.setdefault(key, []).append(write)
        return write

    # ---- what time and people do to the store ---------------------------------------------------------------------

    def forget(self, kind: str) -> None:
        """The watch cache of this kind is made anew."""
        self.caches[kind] = self.etcd(kind).revision

    def compact(self) -> None:
        """Etcd drops every version that is not the newest by now."""
        for etcd in self.etcds:
            etcd.compacted = etcd.revision

    def age(self, now: float) -> None:
        """Caches and etcd forget what is old."""
        for write in self.log:
            if write.at < now - CACHE_SECONDS and write.rv > self.caches[write.kind]:
                self.caches[write.kind] = write.rv
            if write.at < now - COMPACTED_AFTER:
                etcd = self.etcd(write.kind)
                etcd.compacted = max(etcd.compacted, write.rv)

    def restore(self, kept: int) -> None:
        """Etcd is brought back from a backup with so many entries of the log: what came after never was, and its
        numbers are given again."""
        self.undone |= {(write.era, write.kind, write.rv) for write in self.log[kept:]}
        gone = {id(write) for write in self.log[kept:]}
        self.log = self.log[:kept]
        for key, writes in self._writes_of.items():
            self._writes_of[key] = [write for write in writes if id(write) not in gone]
        self.living = self._living()
        self.era += 1
        for etcd in self.etcds:
            mine = (write.rv for write in self.log if self.etcd(write.kind) is etcd)
            etcd.revision = max(mine, default=etcd.first)
            etcd.compacted = min(etcd.compacted, etcd.revision)
        self.caches = {kind: self.etcd(kind).revision for kind in self.kinds}

    # ---- what is asked --------------------------------------------------------------------------------------------

    def after(self, kind: str, rv: int, place: int = 0) -> Iterator[tuple[int, Write]]:
        """Writes of this kind above `rv` from a place in the log on, with the place after each."""
        for index in range(place, len(self.log)):
            write = self.log[index]
            if write.kind == kind and write.rv > rv:
                yield index + 1, write

    def state(self, kind: str, namespace: str, rv: int | None = None) -> Sequence[bytes]:
        """Every living object of a kind in order of its key, as served (`rv`: as it was)."""
        newest: dict[tuple[str, str], Write] = {}
        for write in self.log:
            if write.kind == kind and (rv is None or write.rv <= rv) and namespace in ("", write.namespace):
                newest[write.namespace, write.name] = write
        return [newest[key].raw for key in sorted(newest) if newest[key].change != "DELETED"]

    def one(self, kind: str, namespace: str, name: str, rv: int) -> Sequence[bytes]:
        """The same of one name (of one in each namespace, where `namespace` is empty)."""
        if not namespace:
            return [raw for raw in self.state(kind, "", rv) if orjson.loads(raw)["metadata"]["name"] == name]
        writes = self._writes_of.get((kind, namespace, name), ())
        newest = next((write for write in reversed(writes) if write.rv <= rv), None)
        return [newest.raw] if newest is not None and newest.change != "DELETED" else []

    def moment(self, seconds: float) -> datetime:
        """The server's wall clock so many seconds after the start."""
        return self.start + timedelta(seconds=seconds)

    def _stamp(self, seconds: float) -> str:
        """As objects carry it: whole seconds, cut off."""
        return self.moment(seconds).strftime("%Y-%m-%dT%H:%M:%SZ")

    def _living(self) -> dict[tuple[str, str, str], JsonObject]:
        found: dict[tuple[str, str, str], JsonObject] = {}
        for write in self.log:
            key = (write.kind, write.namespace, write.name)
            found.pop(key, None)
            if write.change != "DELETED":
                obj = orjson.loads(write.raw)
                obj["metadata"] = {
                    name: value
                    for name, value in obj["metadata"].items()
                    if name not in ("resourceVersion", "managedFields")
                }
                found[key] = obj
        return found


def varied(seed: int, kinds: Mapping[str, Kind], chance: Random, start: datetime) -> World:
    """A third of the seeds have two etcds, a third a kind that is not recorded, half keys that no API serves; a third
    have lives that are short."""
    layout = Random(seed * 31 + 11)
    every = {**kinds, LEASES.id: LEASES} if layout.random() < 0.33 else kinds
    etcds, elsewhere = [Etcd()], dict[str, int]()
    if layout.random() < 0.33:
        etcds.append(Etcd(layout.choice((FIRST, FIRST, FIRST + layout.randrange(9), 90_000))))
        elsewhere = {kind: layout.randrange(2) for kind in every}
    unserved, mortality = layout.choice((0.0, 0.1)), layout.choice((0.15, 0.15, 0.7))
    return World(every, chance, start, etcds, elsewhere, unserved, mortality)
