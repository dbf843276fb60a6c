"""Is what is recorded what the cluster has? A list of every recorded kind beside the newest version that history knows.

Whatever changes while one is asked after the other is no difference: the cluster is asked first, so history has to be
at least as new; what is not is looked at again after a moment, and only counts if history has still not reached the
version that the first look showed. Only metadata is asked for. Unlike the collector's own audit (`collector.audit`),
this one looks at the whole way, from the API server to an answer.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from collector.clock import numeric
from collector.cluster import BadAnswer, Cluster, ClusterError, NotServed
from collector.observation import Unreadable, read_header
from schema.objects import Kind, Scope

PAGE: Final = 500
Versions = Mapping[str, str]
"""uid → resourceVersion."""
History = Callable[[Scope], Awaitable[Versions]]
"""Every object of a scope that history knows as living."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One object. `cluster` and `history`: its version there, "" where it does not live."""

    uid: str
    cluster: str
    history: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Audited:
    """One scope. `why`: what was in the way of an audit, "" = it was audited."""

    scope: Scope
    objects: int = 0
    differences: Sequence[Difference] = ()
    why: str = ""


async def audit(
    cluster: Cluster, history: History, scopes: Sequence[tuple[Kind, Scope]], *, pause: float
) -> list[Audited]:
    """Every scope; those that differ at first are looked at again `pause` seconds later."""
    first = [await _guarded(_look(cluster, history, kind, scope), scope) for kind, scope in scopes]
    suspects = [(kind, one) for (kind, _), one in zip(scopes, first, strict=True) if one.differences]
    if not suspects:
        return first
    await asyncio.sleep(pause)
    again = {one.scope: await _guarded(_look_again(cluster, history, kind, one), one.scope) for kind, one in suspects}
    return [again.get(one.scope, one) for one in first]


async def _guarded(looking: Awaitable[Audited], scope: Scope) -> Audited:
    try:
        return await looking
    except (ClusterError, Unreadable) as error:
        return Audited(scope=scope, why=str(error))


async def _look(cluster: Cluster, history: History, kind: Kind, scope: Scope) -> Audited:
    theirs = await listed(cluster, kind, scope)
    ours = await history(scope)
    return Audited(scope=scope, objects=len(theirs), differences=differences(theirs, ours))


async def _look_again(cluster: Cluster, history: History, kind: Kind, before: Audited) -> Audited:
    theirs = await listed(cluster, kind, before.scope)
    ours = await history(before.scope)
    left = [one for one in before.differences if still(one, theirs, ours)]
    return Audited(scope=before.scope, objects=len(theirs), differences=left)


async def listed(cluster: Cluster, kind: Kind, scope: Scope) -> dict[str, str]:
    """uid → version, of every object there is, metadata only where the server keeps exact lists."""
    newest = await cluster.page(kind, scope.namespace, limit=1)
    if not newest.more:
        return _versions(newest.items)
    try:
        return await _exactly(cluster, kind, scope, newest.rv)
    except BadAnswer:
        return await _whole(cluster, kind, scope)


async def _exactly(cluster: Cluster, kind: Kind, scope: Scope, rv: str) -> dict[str, str]:
    found: dict[str, str] = {}
    more = ""
    while True:
        page = await cluster.exact(kind, scope.namespace, rv=rv, more=more, limit=PAGE, metadata=True)
        found |= _versions(page.items)
        if not (more := page.more):
            return found


async def _whole(cluster: Cluster, kind: Kind, scope: Scope) -> dict[str, str]:
    page = await cluster.page(kind, scope.namespace, limit=PAGE)
    found = _versions(page.items)
    while page.more:
        page = await cluster.page(kind, scope.namespace, more=page.more, limit=PAGE)
        found |= _versions(page.items)
    return found


def _versions(items: Sequence[bytes]) -> dict[str, str]:
    headers = map(read_header, items)
    return {header.life: header.resource_version for header in headers}


def differences(theirs: Versions, ours: Versions) -> list[Difference]:
    """Where history, asked after the cluster, is not at least as new."""
    uids = sorted(theirs.keys() | ours.keys())
    found = [Difference(uid=uid, cluster=theirs.get(uid, ""), history=ours.get(uid, "")) for uid in uids]
    return [one for one in found if not one.cluster or not reached(one.history, one.cluster)]


def still(one: Difference, theirs: Versions, ours: Versions) -> bool:
    """Whether it differs at the second look as well: history has had the time to reach what the first one showed."""
    now, known = theirs.get(one.uid, ""), ours.get(one.uid, "")
    if not now:
        return bool(known)
    return not reached(known, one.cluster or now) and known != now


def reached(known: str, version: str) -> bool:
    """Whether the version that history knows is this one, or a newer one."""
    return known == version or -1 < numeric(version) <= numeric(known)


def scopes_of(served: Sequence[Kind], watched: Mapping[str, Sequence[str]]) -> list[tuple[Kind, Scope]]:
    """Kinds that are recorded (id → namespaces, none = all of the cluster), as the cluster serves them now.

    Raises NotServed for a recorded kind that the cluster does not have.
    """
    known = {kind.id: kind for kind in served}
    if missing := sorted(watched.keys() - known.keys()):
        raise NotServed(f"the cluster does not serve {', '.join(missing)}")
    return [(known[name], Scope(name, place)) for name, places in sorted(watched.items()) for place in places or ("",)]
