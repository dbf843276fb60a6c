"""The two ends of a comparison: which version of which object stood there, and the states of those that differ.

Between two moments only objects with a change in the window can differ: `changes` names them, and of just these the
newest version at either end is looked up, narrow, with the hash of its state: `differing` tells which differ at all,
`between` gives the versions, of some of them or all. States are read for what has another hash. As everywhere, an
object is there at T when one of its lives is; of several (an end was missed) the youngest.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from operator import attrgetter

from query import records, timeline
from query.refs import ObjectRef
from query.scope import Scope, where, window
from schema.events import Op, Origin, event_id
from schema.objects import kind_id
from schema.store import Store

AT_ONCE = 1000
"""Objects whose states are read with one statement."""

_NAME = "cluster, namespace, resource, `group`, name"
_ORDER = "bitOr(bitShiftLeft(toUInt128(epoch), 64), toUInt128(seq))"
"""(epoch, seq) as one number: aggregates compare it ten times faster than a tuple."""


Place = tuple[str, str, str, str]
"""Cluster, namespace, kind and name of an object."""


@dataclass(frozen=True, slots=True)
class Version:
    """One version of one life, without its state."""

    ref: ObjectRef
    uid: str
    epoch: int
    seq: int
    ts: datetime
    ts_error: float
    op: Op
    origin: Origin
    hash: bytes
    rv: str
    cluster_uid: str
    kind: str
    version: str

    @property
    def key(self) -> str:
        """Among the versions of a cluster."""
        return f"{self.uid}/{self.epoch}/{self.seq}"

    @property
    def id(self) -> str:
        """Of its event."""
        return event_id(
            cluster=self.ref.cluster,
            cluster_uid=self.cluster_uid,
            kind=kind_id(self.ref.resource, self.ref.group),
            uid=self.uid,
            epoch=self.epoch,
            rv=self.rv,
            op=self.op,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """What stood at either end; `born`: the first version of the later life. `ended`: how the earlier one ended."""

    before: Version | None
    after: Version | None
    born: Version | None = None
    ended: Version | None = None

    @property
    def either(self) -> Version:
        """The later end that there is."""
        found = self.after or self.before
        assert found is not None  # no pair is made of nothing
        return found

    @property
    def recreated(self) -> bool:
        """Another life under the same name."""
        return self.before is not None and self.after is not None and self.before.uid != self.after.uid

    @property
    def place(self) -> "Place":
        """By which answers are in order."""
        ref = self.before.ref if self.before else self.either.ref
        return ref.cluster, ref.namespace, kind_id(ref.resource, ref.group), ref.name

    @property
    def first_seen(self) -> bool:
        """Whether nobody can say that it was not there before."""
        return self.before is None and self.born is not None and self.born.origin in ("list", "checkpoint")


@dataclass(frozen=True, slots=True)
class Differing:
    """One object that is not the same at both moments, as narrowly as it can be known. `uid`: of the later life."""

    place: Place
    kind: str
    uid: str
    before: bool
    after: bool
    recreated: bool
    first_seen: bool

    @property
    def changed(self) -> bool:
        """One life that is there at both moments, with two states."""
        return self.before and self.after and not self.recreated


@dataclass(frozen=True, slots=True)
class _Life:
    before: Version | None
    after: Version
    first: Version


def differing(store: Store, scope: Scope, after: datetime, until: datetime) -> list[Differing]:
    """Objects whose states at the two moments differ, without their versions: one pass over narrow columns."""
    params: dict[str, object] = {"after": after, "until": until}
    named = scope.conditions(params)
    # A name as one number: sets and groups of them are cheap, and one too many does no harm.
    name, before = "cityHash64(cluster, namespace, resource, `group`, name)", "ts <= {after:DateTime64(6, 'UTC')}"
    touched = f"SELECT DISTINCT {name} FROM changes {where([*named, *window(params, after, until)])}"
    known = where([*named, "ts <= {until:DateTime64(6, 'UTC')}", f"{name} IN ({touched})"])
    moment = f"toInt64(toUnixTimestamp64Micro(argMax{{}}(ts, {_ORDER}{{}})))"
    sql = f"""
        SELECT any(cluster), any(namespace), any(resource), any(`group`), any(name), any(uid), toString(any(kind)),
            countIf({before}) > 0 AND argMaxIf(op, {_ORDER}, {before}) != 'delete', argMax(op, {_ORDER}) != 'delete',
            argMaxIf(hash, {_ORDER}, {before}) = argMax(hash, {_ORDER}),
            argMin(origin, {_ORDER}) IN ('list', 'checkpoint'),
            {moment.format("If", f", {before}")}, {moment.format("", "")}
        FROM events {known} GROUP BY cityHash64(cluster, resource, `group`, uid)"""
    names: dict[Place, list[_Narrow]] = {}
    for cluster, namespace, resource, group, called, *rest in store.rows(sql, params):
        names.setdefault((cluster, namespace, kind_id(resource, group), called), []).append(_Narrow(*rest))
    found = (_differing(place, lives) for place, lives in names.items())
    return sorted((each for each in found if each is not None), key=attrgetter("place"))


@dataclass(frozen=True, slots=True)
class _Narrow:
    """One life: whether it was there before and in the end, and with the same state; times in µs."""

    uid: str
    kind: str
    was: bool
    stays: bool
    same: bool
    listed: bool
    ts_before: int
    ts: int


def _differing(place: Place, lives: Sequence[_Narrow]) -> Differing | None:
    """None when nothing differs; of several lives the youngest, as in `_pair`."""
    before = max((life for life in lives if life.was), key=attrgetter("ts_before"), default=None)
    after = max((life for life in lives if life.stays), key=attrgetter("ts"), default=None)
    either = after or before
    if either is None or (before is after and either.same):
        return None
    return Differing(
        place,
        either.kind,
        either.uid,
        before is not None,
        after is not None,
        recreated=before is not None and after is not None and before is not after,
        first_seen=before is None and either.listed,
    )


def between(store: Store, scope: Scope, after: datetime, until: datetime, *, names: Collection[str] = ()) -> list[Pair]:
    """Objects whose states at the two moments differ, by name; `names`: only those with one of these names."""
    params: dict[str, object] = {}
    named = scope.conditions(params)
    if names:
        params["names"] = sorted(set(names))
        named.append("name IN {names:Array(String)}")
    touched = f"SELECT DISTINCT {_NAME} FROM changes {where([*named, *window(params, after, until)])}"
    known = where([*named, "ts <= {until:DateTime64(6, 'UTC')}", f"({_NAME}) IN ({touched})"])
    found: dict[ObjectRef, list[_Life]] = {}
    for life in _lives(store, known, params, after):
        found.setdefault(life.after.ref, []).append(life)
    pairs = (_pair(lives) for lives in found.values())
    return [pair for pair in pairs if pair is not None]


def alive(store: Store, scope: Scope, at: datetime) -> list[Version]:
    """The version of every object that was there at a moment, by name."""
    params: dict[str, object] = {}
    known = where([*scope.conditions(params), *window(params, None, at)])
    names: dict[ObjectRef, list[Version]] = {}
    for life in _lives(store, known, params, at):
        names.setdefault(life.after.ref, []).append(life.after)
    found = (_youngest(versions) for versions in names.values())
    return [version for version in found if version is not None]


def states(store: Store, versions: Iterable[Version]) -> dict[Version, bytes]:
    """Their states, proved by their hashes. Raises DamagedHistory."""
    wanted = sorted(versions, key=lambda each: each.ref.path)
    found: dict[Version, bytes] = {}
    for start in range(0, len(wanted), AT_ONCE):
        found |= _some_states(store, wanted[start : start + AT_ONCE])
    for version in wanted:
        if version not in found:  # left out: rebuilt with a question of its own
            whole = timeline.version(store, version.ref, version.uid, version.epoch, version.seq)
            found[version] = bytes(whole.object or b"")
    return found


def _some_states(store: Store, wanted: Sequence[Version]) -> dict[Version, bytes]:
    by_key = {(each.ref.cluster, each.key): each for each in wanted}
    params: dict[str, object] = {
        "clusters": sorted({each.ref.cluster for each in wanted}),
        "namespaces": sorted({each.ref.namespace for each in wanted}),
        "resources": sorted({each.ref.resource for each in wanted}),
        "names": sorted({each.ref.name for each in wanted}),
        "versions": [each.key for each in wanted],
    }
    sql = """
        SELECT cluster, concat(uid, '/', toString(epoch), '/', toString(seq)) AS key, object FROM events
        PREWHERE cluster IN {clusters:Array(String)} AND namespace IN {namespaces:Array(String)}
            AND resource IN {resources:Array(String)} AND name IN {names:Array(String)}
            AND concat(uid, '/', toString(epoch), '/', toString(seq)) IN {versions:Array(String)}
        WHERE object != ''
        LIMIT 1 BY cluster, key"""
    found: dict[Version, bytes] = {}
    for batch in store.stream(sql, params):
        columns = [*batch.columns[:-1], batch.columns[-1].cast("binary")]
        for cluster, key, state in zip(*(column.to_pylist() for column in columns), strict=True):
            version = by_key[cluster, key]
            found[version] = records.checked(state, version.hash.hex(), f"{version.ref} (uid {version.uid})")
    return found


def _lives(store: Store, known: str, params: dict[str, object], moment: datetime) -> Iterable[_Life]:
    """Of each life: its newest version at `moment`, its newest and its first within `known`.

    Which versions these are is found by narrow columns; the rest is read of just these.
    """
    life = "cluster, resource, `group`, uid"
    sql = f"""
        SELECT {_NAME}, uid, epoch, seq, ts, ts_error, toString(op), toString(origin), hash, rv,
            toString(cluster_uid), toString(kind), toString(version)
        FROM events
        PREWHERE ({life}, {_ORDER}) IN (
            SELECT {life}, arrayJoin([
                max({_ORDER}), min({_ORDER}), maxIf({_ORDER}, ts <= {{moment:DateTime64(6, 'UTC')}})])
            FROM events {known} GROUP BY {life})
        {known}"""
    lives: dict[tuple[ObjectRef, str], list[Version]] = {}
    refs: dict[tuple[str, ...], ObjectRef] = {}
    for cluster, namespace, resource, group, name, uid, *rest in store.rows(sql, {**params, "moment": moment}):
        key = cluster, namespace, resource, group, name
        if (ref := refs.get(key)) is None:
            ref = ObjectRef(cluster=cluster, resource=resource, group=group, namespace=namespace, name=name)
            refs[key] = ref
        lives.setdefault((ref, uid), []).append(Version(ref, uid, *rest))
    for versions in lives.values():
        versions.sort(key=lambda each: (each.epoch, each.seq))
        earlier = [each for each in versions if each.ts <= moment]
        yield _Life(earlier[-1] if earlier else None, versions[-1], versions[0])


def _pair(lives: Sequence[_Life]) -> Pair | None:
    """None when nothing differs."""
    before = _youngest([life.before for life in lives if life.before is not None])
    after = _youngest([life.after for life in lives])
    if before is None and after is None:
        return None
    if before and after and before.uid == after.uid and before.hash == after.hash:
        return None
    return Pair(
        before=before,
        after=after,
        born=next((life.first for life in lives if after and life.after.uid == after.uid), None),
        ended=next((life.after for life in lives if before and life.after.uid == before.uid), None),
    )


def _youngest(versions: Sequence[Version]) -> Version | None:
    living = [each for each in versions if each.op != "delete"]
    return max(living, key=lambda each: (each.ts, each.epoch, each.seq), default=None)
