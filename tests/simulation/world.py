"""Etcd and the watch caches in front of it, as the API server's source has them: pure, every time is passed in.

One number counts every write of every kind. Etcd keeps what happened until it is compacted; a watch cache keeps what
it has seen since it was made (again), at least for 75 s. `truth` is everything that ever was, also what a restore from
a backup has undone (`undone`: era and version): `era` tells the timelines apart.
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
class World:
    """A cluster's store with writers of its own, whose chance is seeded. Times are seconds since `start`."""

    kinds: Mapping[str, Kind]
    chance: Random
    start: datetime = NOON
    revision: int = FIRST
    compacted: int = FIRST
    era: int = 0
    truth: list[Write] = field(default_factory=list)
    undone: set[tuple[int, int]] = field(default_factory=set)
    log: list[Write] = field(default_factory=list)
    living: dict[tuple[str, str, str], JsonObject] = field(default_factory=dict)
    caches: dict[str, int] = field(default_factory=dict)
    _lives: int = 0
    _writes_of: dict[tuple[str, str, str], list[Write]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.caches = dict.fromkeys(self.kinds, self.revision)

    # ---- what writers do ------------------------------------------------------------------------------------------

    def write(self, at: float) -> Write:
        """Something happens to something."""
        kind = self.chance.choice(list(self.kinds))
        key = (kind, self.chance.choice(("shop", "test")), f"o{self.chance.randrange(6)}")
        if key not in self.living:
            return self.create(key, at)
        return self.delete(key, at) if self.chance.random() < 0.15 else self.update(key, at)

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
        self.living[key] = {**before, "data": {**data, self.chance.choice("abcvalue"): str(self.revision)}}
        return self._commit(key, "MODIFIED", at)

    def delete(self, key: tuple[str, str, str], at: float) -> Write:
        write = self._commit(key, "DELETED", at)
        del self.living[key]
        return write

    def _commit(self, key: tuple[str, str, str], change: Change, at: float) -> Write:
        self.revision += 1
        kind, namespace, name = key
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
        served = {**obj, "metadata": {**meta, "resourceVersion": str(self.revision), "managedFields": managed}}
        write = Write(
            self.revision, self.era, at, kind, change, namespace, name, str(meta["uid"]), orjson.dumps(served)
        )
        self.truth.append(write)
        self.log.append(write)
        self._writes_of.setdefault(key, []).append(write)
        return write

    # ---- what time and people do to the store ---------------------------------------------------------------------

    def forget(self, kind: str) -> None:
        """The watch cache of this kind is made anew."""
        self.caches[kind] = self.revision

    def compact(self, up_to: int | None = None) -> None:
        """Etcd drops every version that is not the newest as of this revision."""
        self.compacted = max(self.compacted, self.revision if up_to is None else up_to)

    def age(self, now: float) -> None:
        """Caches and etcd forget what is old."""
        for write in self.log:
            if write.at < now - CACHE_SECONDS and write.rv > self.caches[write.kind]:
                self.caches[write.kind] = write.rv
            if write.at < now - COMPACTED_AFTER:
                self.compact(write.rv)

    def restore(self, revision: int) -> None:
        """Etcd is brought back from a backup: what came after never was, and its numbers are given again."""
        self.undone |= {(write.era, write.rv) for write in self.log if write.rv > revision}
        self.log = [write for write in self.log if write.rv <= revision]
        for key, writes in self._writes_of.items():
            self._writes_of[key] = [write for write in writes if write.rv <= revision]
        self.living = self._living_at(revision)
        self.revision, self.era = revision, self.era + 1
        self.caches = dict.fromkeys(self.kinds, revision)
        self.compacted = min(self.compacted, revision)

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

    def _living_at(self, revision: int) -> dict[tuple[str, str, str], JsonObject]:
        found: dict[tuple[str, str, str], JsonObject] = {}
        for write in self.log:
            key = (write.kind, write.namespace, write.name)
            found.pop(key, None)
            if write.change != "DELETED" and write.rv <= revision:
                obj = orjson.loads(write.raw)
                obj["metadata"] = {
                    name: value
                    for name, value in obj["metadata"].items()
                    if name not in ("resourceVersion", "managedFields")
                }
                found[key] = obj
        return found
