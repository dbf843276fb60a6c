"""The door to a cluster: what capture asks of a Kubernetes API server, and how its refusals are told apart.

ClusterError
├── Unreachable       no connection, or it broke; worth another try
│   └── Silent        a stream gave no byte for 70 s: it may have been dead since its last one
├── Unauthorized      401: credentials expired or wrong
├── Forbidden         403: no right to this; shown as such in coverage
├── NotServed         404: the server has no such resource (any more)
├── Expired           410, as HTTP status or as ERROR event: this resourceVersion is gone → compare a fresh list
├── StreamingRefused  422 or 400: the server does not do streaming lists → LIST, then WATCH
├── TooLargeVersion   504 ResourceVersionTooLarge: this replica is behind; list without a version
├── Busy              429 or 5xx; `retry_after` seconds when the server said so
└── BadAnswer         what came is not what the API promises
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Protocol

from schema.objects import KUBE_EVENTS, Kind


class ClusterError(Exception):
    """Any failure at the API server's door; `retry_after` in seconds when the server asked for a wait."""

    def __init__(self, message: str, *, retry_after: float | None = None) -> None:
        """The message is one sentence for people, server text truncated."""
        super().__init__(message)
        self.retry_after = retry_after


class Unreachable(ClusterError):
    """No connection, or it broke."""


class Silent(Unreachable):
    """A stream gave no byte, not even a bookmark: since its last byte nothing is known."""


class Unauthorized(ClusterError):
    """The server does not accept the credentials."""


class Forbidden(ClusterError):
    """The credentials give no right to this."""


class NotServed(ClusterError):
    """The server has no such resource."""


class Expired(ClusterError):
    """This resourceVersion is too old for the server."""


class StreamingRefused(ClusterError):
    """The server does not do streaming lists."""


class TooLargeVersion(ClusterError):
    """The server has not yet seen this resourceVersion."""


class Busy(ClusterError):
    """The server asks to be left alone for a while."""


class BadAnswer(ClusterError):
    """What came is not what the API promises."""


def bookmarked(kind: Kind) -> bool:
    """Whether watches of this kind carry bookmarks: Events have no watch cache, and that is what sends them."""
    return kind.id not in KUBE_EVENTS


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """One page of a LIST: raw JSON of each item, the snapshot's resourceVersion, the token of the next page or ""."""

    items: Sequence[bytes]
    rv: str
    more: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Discovery:
    """What the server serves. `stale`: groups whose list could not be had; their known kinds stay as they were."""

    kinds: Sequence[Kind]
    stale: frozenset[str]
    etag: str = ""


class Cluster(Protocol):
    """A Kubernetes API server."""

    async def uid(self) -> str:
        """The uid of the kube-system namespace: the cluster's identity."""
        ...

    async def discover(self) -> Discovery:
        """Every kind at its preferred watchable version (kinds that cannot be watched included)."""
        ...

    async def page(self, kind: Kind, namespace: str, *, more: str = "", limit: int = 500, rv: str = "") -> Page:
        """One page of a consistent list (items carry apiVersion and kind only where the server sends them)."""
        ...

    async def exact(
        self,
        kind: Kind,
        namespace: str,
        *,
        rv: str,
        name: str = "",
        more: str = "",
        limit: int = 500,
        metadata: bool = False,
    ) -> Page:
        """One page of the list as it was at version `rv` (resourceVersionMatch=Exact), of one object with `name`.

        `metadata`: only that of each item is needed. Raises Expired once etcd has compacted this version, BadAnswer
        where the server does not keep to it.
        """
        ...

    def watch(
        self, kind: Kind, namespace: str, *, rv: str, initial: bool
    ) -> AbstractAsyncContextManager[AsyncIterator[bytes]]:
        """Bytes of a watch as they come from the socket, cut anywhere; `initial`: a streaming list first.

        Entering raises the errors above for a refused request; iteration ends at a clean end and raises Unreachable
        for a broken stream, Silent for a silent one (no byte for 70 s; bookmarks come every 60).
        """
        ...

    async def document(self, path: str, *, most: int) -> bytes:
        """The JSON document at this path (with its query); BadAnswer when it has more than `most` bytes."""
        ...

    async def close(self) -> None:
        """Close all connections."""
        ...
