"""A cluster in memory whose answers a test writes down beforehand, or gives while the collector is listening.

    cluster = FakeCluster(kind("configmaps"))
    stream = cluster.will_stream("configmaps", initial("5", obj("web", rv="3")))
    stream.send(modified(obj("web", rv="6")))
    stream.end()                    # or stream.fail(Unreachable("gone"))

A watch for which nothing was prepared stays open and silent; a list for which nothing was prepared is empty.
"""

import asyncio
import json
from collections import defaultdict, deque
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final, Protocol

from collector.cluster import BadAnswer, ClusterError, Discovery, Expired, NotServed, Page
from schema.objects import Kind, Scope

Object = Mapping[str, object]

END: Final = None
ALL: Final = frozenset({"get", "list", "watch"})


@dataclass(frozen=True, slots=True)
class Asked:
    """One question that the collector put: `what` is `page` or `watch`."""

    what: str
    scope: str
    rv: str = ""
    initial: bool = False
    more: str = ""
    limit: int = 0


class FakeStream:
    """What one watch gives: bytes, a clean end, or an error; it stays open until told."""

    def __init__(self, *chunks: bytes) -> None:
        self._steps: asyncio.Queue[bytes | ClusterError | None] = asyncio.Queue()
        self.opened = asyncio.Event()
        self.send(*chunks)

    def send(self, *chunks: bytes) -> "FakeStream":
        for chunk in chunks:
            self._steps.put_nowait(chunk)
        return self

    def end(self) -> "FakeStream":
        self._steps.put_nowait(END)
        return self

    def fail(self, error: ClusterError) -> "FakeStream":
        self._steps.put_nowait(error)
        return self

    async def chunks(self) -> AsyncIterator[bytes]:
        while (step := await self._steps.get()) is not END:
            if isinstance(step, ClusterError):
                raise step
            yield step


class Past(Protocol):
    """What a cluster still knows of earlier versions (`tests.fakes.past`)."""

    def page(self, namespace: str, *, rv: str, name: str, more: str, limit: int) -> Page: ...


class FakeCluster:
    """Implements `collector.cluster.Cluster`. `asked` is the record of all lists and watches."""

    def __init__(self, *kinds: Kind, uid: str = "uid-of-the-cluster") -> None:
        self.kinds: Sequence[Kind] = kinds
        self.stale: frozenset[str] = frozenset()
        self.identity: str | ClusterError = uid
        self.discovery_error: ClusterError | None = None
        self.discoveries = 0
        self.asked: list[Asked] = []
        self.newest = "1"
        self.past: Past | None = None
        self._streams: dict[str, deque[FakeStream | ClusterError]] = defaultdict(deque)
        self._pages: dict[str, deque[Page | ClusterError]] = defaultdict(deque)
        self.documents: dict[str, bytes | ClusterError] = {}
        """By path; what is not here is not served."""
        self.read: list[str] = []

    # ---- what a test prepares ---------------------------------------------------------------------------------------

    def will_stream(self, scope: str, *chunks: bytes) -> FakeStream:
        """The next watch of this scope."""
        stream = FakeStream(*chunks)
        self._streams[scope].append(stream)
        return stream

    def will_refuse_watch(self, scope: str, *errors: ClusterError) -> None:
        """The next watches of this scope are refused."""
        self._streams[scope].extend(errors)

    def will_list(self, scope: str, *pages: Page | ClusterError) -> None:
        """The next pages of this scope."""
        self._pages[scope].extend(pages)

    def watches(self, scope: str) -> list[Asked]:
        return [one for one in self.asked if one.what == "watch" and one.scope == scope]

    def lists(self, scope: str) -> list[Asked]:
        return [one for one in self.asked if one.what == "page" and one.scope == scope and one.limit != 1]

    # ---- the door ---------------------------------------------------------------------------------------------------

    async def uid(self) -> str:
        if isinstance(self.identity, ClusterError):
            raise self.identity
        return self.identity

    async def discover(self) -> Discovery:
        self.discoveries += 1
        if self.discovery_error is not None:
            raise self.discovery_error
        return Discovery(kinds=self.kinds, stale=self.stale)

    async def page(self, kind: Kind, namespace: str, *, more: str = "", limit: int = 500, rv: str = "") -> Page:
        scope = str(Scope(kind.id, namespace))
        self.asked.append(Asked("page", scope, rv=rv, more=more, limit=limit))
        if limit == 1:  # the look for a rollback: only the version matters
            return Page(items=[], rv=self.newest, more="")
        prepared = self._pages[scope].popleft() if self._pages[scope] else Page(items=[], rv=self.newest, more="")
        if isinstance(prepared, ClusterError):
            raise prepared
        return prepared

    async def exact(
        self,
        kind: Kind,
        namespace: str,
        *,
        rv: str,
        name: str = "",
        more: str = "",
        limit: int = 500,
        metadata: bool = False,  # noqa: ARG002 - more than was asked for harms nobody
    ) -> Page:
        self.asked.append(Asked("exact", str(Scope(kind.id, namespace)), rv=rv, more=more, limit=limit))
        if self.past is None:
            raise Expired("everything before has been compacted")
        return self.past.page(namespace, rv=rv, name=name, more=more, limit=limit)

    @asynccontextmanager
    async def watch(self, kind: Kind, namespace: str, *, rv: str, initial: bool) -> AsyncIterator[AsyncIterator[bytes]]:
        scope = str(Scope(kind.id, namespace))
        self.asked.append(Asked("watch", scope, rv=rv, initial=initial))
        prepared = self._streams[scope].popleft() if self._streams[scope] else self._silent(initial)
        if isinstance(prepared, ClusterError):
            raise prepared
        prepared.opened.set()
        yield prepared.chunks()

    async def document(self, path: str, *, most: int) -> bytes:
        self.read.append(path)
        found = self.documents.get(path, NotServed(f"get {path}: 404"))
        if isinstance(found, ClusterError):
            raise found
        if len(found) > most:
            raise BadAnswer(f"get {path}: too large")
        return found

    async def close(self) -> None:
        """Nothing to close."""

    def _silent(self, initial: bool) -> FakeStream:
        return FakeStream(bookmark(self.newest, end=True)) if initial else FakeStream()


# ---- what streams carry ---------------------------------------------------------------------------------------------


def kind(resource: str, group: str = "", *, version: str = "v1", namespaced: bool = True) -> Kind:
    """A kind that can be watched."""
    return Kind(
        group=group,
        version=version,
        resource=resource,
        kind=resource.rstrip("s").capitalize(),
        namespaced=namespaced,
        verbs=ALL,
    )


def obj(name: str, *, rv: str, uid: str = "", namespace: str = "shop", **fields: object) -> Object:
    """An object as the server sends it."""
    metadata = {"name": name, "namespace": namespace, "uid": uid or f"uid-{name}", "resourceVersion": rv}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, **fields}


def raw(item: Object) -> bytes:
    return json.dumps(item, separators=(",", ":")).encode()


def line(kind: str, item: Object) -> bytes:
    return b'{"type":"%s","object":%s}\n' % (kind.encode(), raw(item))


def added(item: Object) -> bytes:
    return line("ADDED", item)


def modified(item: Object) -> bytes:
    return line("MODIFIED", item)


def deleted(item: Object) -> bytes:
    return line("DELETED", item)


def bookmark(rv: str, *, end: bool = False) -> bytes:
    annotations = {"annotations": {"k8s.io/initial-events-end": "true"}} if end else {}
    return line("BOOKMARK", {"kind": "ConfigMap", "metadata": {"resourceVersion": rv, **annotations}})


def initial(rv: str, *items: Object) -> bytes:
    """A whole streaming list."""
    return b"".join(map(added, items)) + bookmark(rv, end=True)


def error(code: int, reason: str = "", *, message: str = "", retry_after: int = 0) -> bytes:
    """An ERROR event: its object is a Status."""
    details = {"details": {"retryAfterSeconds": retry_after}} if retry_after else {}
    return line("ERROR", {"kind": "Status", "code": code, "reason": reason, "message": message, **details})


def listed(rv: str, *items: Object, more: str = "") -> Page:
    return Page(items=[raw(item) for item in items], rv=rv, more=more)


async def until(condition: Callable[[], object], *, within: float = 10.0) -> None:
    """Let the loop run until it is so; AssertionError when it does not become so."""
    async with asyncio.timeout(within):
        while not condition():  # noqa: ASYNC110  # conditions are of many kinds, an event of none
            await asyncio.sleep(0.002)
