"""Which kinds a server has, and at which version each is captured.

Aggregated discovery (KEP-3352) answers with two documents, `/api` and `/apis`, and with ETags; where a server does
not have it, one request per group and version. A version is picked per kind: the first in the server's order of
preference that serves it with list and watch, because a kind may exist only in a version that is not the preferred
one.

A group whose backend is down is served as `Stale`, with an empty list: its known kinds stay as they were, or every
outage of an aggregated API would look like the deletion of all its objects.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeVar

import msgspec

from collector.cluster import BadAnswer, ClusterError, Discovery
from schema.objects import Kind

AGGREGATED: Final = ",".join(
    (
        "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList",
        "application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList",
        "application/json",
    )
)
PLAIN_AT_ONCE: Final = 8

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Fetched:
    """An answer to a GET: 200 or 304, its ETag and body."""

    status: int
    etag: str
    body: bytes


Fetch = Callable[[str, Mapping[str, str]], Awaitable[Fetched]]


class _Camel(msgspec.Struct, rename="camel", frozen=True):
    pass


class _ResponseKind(_Camel, frozen=True):
    kind: str = ""


class _Resource(_Camel, frozen=True):
    resource: str
    response_kind: _ResponseKind | None = None
    scope: str = "Namespaced"
    singular_resource: str = ""
    verbs: list[str] | None = None
    short_names: list[str] | None = None
    categories: list[str] | None = None


class _Version(_Camel, frozen=True):
    version: str
    freshness: str = "Current"
    resources: list[_Resource] | None = None


class _Name(_Camel, frozen=True):
    name: str = ""


class _Group(_Camel, frozen=True):
    metadata: _Name = _Name()
    versions: list[_Version] | None = None


class _Document(_Camel, frozen=True):
    """APIGroupDiscoveryList, or what a server without aggregated discovery answers instead."""

    kind: str = ""
    items: list[_Group] | None = None
    versions: list[str] | None = None
    groups: list["_PlainGroup"] | None = None


class _GroupVersion(_Camel, frozen=True):
    group_version: str
    version: str


class _PlainGroup(_Camel, frozen=True):
    name: str
    versions: list[_GroupVersion]
    preferred_version: _GroupVersion | None = None


class _PlainResource(_Camel, frozen=True):
    name: str
    kind: str
    namespaced: bool
    singular_name: str = ""
    verbs: list[str] | None = None
    short_names: list[str] | None = None
    categories: list[str] | None = None


class _PlainList(_Camel, frozen=True):
    resources: list[_PlainResource] | None = None


class Discoverer:
    """Asks, and remembers what it was told together with the ETag."""

    def __init__(self, fetch: Fetch) -> None:
        self._fetch = fetch
        self._known: dict[str, tuple[str, Sequence[_Group]]] = {}

    async def discover(self) -> Discovery:
        """Every kind, those that cannot be watched included. The same `etag` as before: nothing has changed."""
        core, groups = await asyncio.gather(self._document("/api"), self._document("/apis"))
        etags = [self._known[path][0] if path in self._known else "" for path in ("/api", "/apis")]
        every = [*core, *groups]
        return Discovery(
            kinds=[kind for group in every for kind in kinds_of(group)],
            stale=frozenset(group.metadata.name for group in every if is_stale(group)),
            etag="|".join(etags) if all(etags) else "",
        )

    async def _document(self, path: str) -> Sequence[_Group]:
        headers = {"Accept": AGGREGATED}
        if path in self._known:
            headers["If-None-Match"] = self._known[path][0]
        answer = await self._fetch(path, headers)
        if answer.status == 304 and path in self._known:
            return self._known[path][1]
        document = _decode(answer.body, _Document, path)
        if document.kind != "APIGroupDiscoveryList":
            self._known.pop(path, None)
            return await self._plain(document)
        groups = document.items or []
        if answer.etag:
            self._known[path] = (answer.etag, groups)
        return groups

    async def _plain(self, document: _Document) -> Sequence[_Group]:
        """One request per group and version, in the server's order; what fails is stale."""
        asked: list[tuple[str, list[tuple[str, str]]]] = []
        if document.versions:
            asked.append(("", [(version, f"/api/{version}") for version in document.versions]))
        for group in document.groups or []:
            asked.append((group.name, [(v.version, f"/apis/{v.group_version}") for v in _preferred_first(group)]))
        turns = asyncio.Semaphore(PLAIN_AT_ONCE)
        return await asyncio.gather(*(self._plain_group(name, versions, turns) for name, versions in asked))

    async def _plain_group(self, name: str, versions: list[tuple[str, str]], turns: asyncio.Semaphore) -> _Group:
        served = await asyncio.gather(*(self._plain_version(version, path, turns) for version, path in versions))
        return _Group(metadata=_Name(name), versions=list(served))

    async def _plain_version(self, version: str, path: str, turns: asyncio.Semaphore) -> _Version:
        async with turns:
            try:
                answer = await self._fetch(path, {"Accept": "application/json"})
                resources = _decode(answer.body, _PlainList, path).resources or []
            except ClusterError:
                return _Version(version, freshness="Stale")
        return _Version(version, resources=[_modern(resource) for resource in resources if "/" not in resource.name])


def is_stale(group: _Group) -> bool:
    """Some version of the group could not be had."""
    return any(version.freshness == "Stale" for version in group.versions or [])


def kinds_of(group: _Group) -> Iterable[Kind]:
    """Each resource once, at the first version that can be listed and watched (else the first that has it)."""
    chosen: dict[str, Kind] = {}
    for version in group.versions or []:
        for resource in version.resources or []:
            kind = _kind(group.metadata.name, version.version, resource)
            known = chosen.get(kind.resource)
            if known is None or (not is_watchable(known) and is_watchable(kind)):
                chosen[kind.resource] = kind
    return chosen.values()


def is_watchable(kind: Kind) -> bool:
    """It can be listed and watched; this alone leaves out reviews, bindings and metrics."""
    return {"list", "watch"} <= kind.verbs


def merge(found: Discovery, known: Mapping[str, Kind]) -> dict[str, Kind]:
    """What is served now, by id; the kinds of stale groups as they were known."""
    kinds = {kind.id: kind for kind in found.kinds}
    kinds.update({name: kind for name, kind in known.items() if kind.group in found.stale})
    return kinds


def _kind(group: str, version: str, resource: _Resource) -> Kind:
    return Kind(
        group=group,
        version=version,
        resource=resource.resource,
        kind=resource.response_kind.kind if resource.response_kind else resource.resource,
        namespaced=resource.scope == "Namespaced",
        singular=resource.singular_resource,
        short_names=tuple(resource.short_names or ()),
        categories=tuple(resource.categories or ()),
        verbs=frozenset(resource.verbs or ()),
    )


def _modern(resource: _PlainResource) -> _Resource:
    return _Resource(
        resource=resource.name,
        response_kind=_ResponseKind(resource.kind),
        scope="Namespaced" if resource.namespaced else "Cluster",
        singular_resource=resource.singular_name,
        verbs=resource.verbs,
        short_names=resource.short_names,
        categories=resource.categories,
    )


def _preferred_first(group: _PlainGroup) -> list[_GroupVersion]:
    preferred = group.preferred_version
    return sorted(group.versions, key=lambda version: preferred is None or version.version != preferred.version)


def _decode(body: bytes, into: type[T], path: str) -> T:
    try:
        return msgspec.json.decode(body, type=into)
    except msgspec.MsgspecError as error:
        raise BadAnswer(f"discovery at {path} is not readable: {error}") from error
