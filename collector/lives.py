"""One object's versions between two moments, read backwards from exact lists: which revision to ask for next, and what
an answer means. Pure.

An exact list at revision N answers with the version that was current at N. So from a known version the one before it
is found at (its number - 1), and so on down to what memory has. The deletion's own number is the first revision
without the object: presence of one uid ends once and never begins again, so it can be bisected. `frontier` falls with
every answer: everything of this object above it is known. Whatever runs out (requests, time, what etcd keeps), the
highest frontier of all is where certain knowledge begins.
"""

from dataclasses import dataclass
from typing import Final

import msgspec
from msgspec import Raw

from collector.clock import numeric
from collector.observation import Header, cut, read_header

_encode: Final = msgspec.json.Encoder().encode


@dataclass(frozen=True, slots=True)
class Version:
    """A version as served."""

    rv: int
    raw: bytes


@dataclass(frozen=True, slots=True)
class Known:
    """A living object, and the newest version of it that is known (-1: none)."""

    namespace: str
    name: str
    rv: int


class Life:
    """The search for one life's versions after `base`."""

    __slots__ = ("_alive", "_born", "_content", "_gone", "_next", "_stop", "done", "end", "known", "uid", "versions")

    def __init__(self, uid: str, known: Known, *, base: int) -> None:
        """Begins with `from_top` or `until_gone`."""
        self.uid = uid
        self.known = known
        self.versions: list[Version] = []
        self.end = 0
        self.done = False
        self._stop = max(known.rv, base)
        self._alive = self._gone = self._next = 0
        self._content: Version | None = None
        self._born = False

    def from_top(self, top: Version) -> "Life":
        """It lives, and this is its newest version."""
        self._take_version(top)
        return self

    def until_gone(self, alive: int, gone: int) -> "Life":
        """It existed at revision `alive`, and no more at `gone`."""
        self._alive, self._gone = alive, gone
        self._narrow()
        return self

    @property
    def ask(self) -> int:
        """The revision to ask for; while not `done`."""
        return self._next if self.end or not self._gone else (self._alive + self._gone) // 2

    @property
    def frontier(self) -> int:
        """Everything of this life that happened after this revision is known; 0 when all of it is."""
        if self.done:
            return 0
        return self._next if self._content is not None and self._next else self._gone

    @property
    def lost(self) -> bool:
        """It was not there where it should have been."""
        return self.done and self.end > 0 and self._content is None

    @property
    def revisions(self) -> list[int]:
        """The writes to it that have been found."""
        found = [one.rv for one in self.versions]
        return [*found, self.end] if self.end else found

    def take(self, found: Version | None) -> None:
        """The answer: the version that was current at `ask`; None when this life was not there."""
        if self._gone and not self.end:
            self._take_presence(found)
        elif found is None:
            self._born = self.done = True
        else:
            self._take_version(found)

    def lines(self, after: int) -> list[tuple[int, bytes]]:
        """What a watch would have said of it since revision `after`, by version."""
        told = [(one.rv, _line("MODIFIED", one.raw)) for one in reversed(self.versions)]
        if self._born and self.versions:
            told[0] = (self.versions[-1].rv, _line("ADDED", self.versions[-1].raw))
        if self.end and self._content is not None:
            told.append((self.end, _line("DELETED", _versioned(self._content.raw, self.end))))
        return [one for one in told if one[0] > after]

    def _take_presence(self, found: Version | None) -> None:
        if found is None:
            self._gone = self.ask
        else:
            self._alive, self._content = self.ask, found
        self._narrow()

    def _narrow(self) -> None:
        """Once both ends meet, the deletion is found; its content is the last version there was."""
        if self._gone - self._alive > 1:
            return
        self.end, self._next, content = self._gone, self._alive, self._content
        if content is not None:
            self._take_version(content)

    def _take_version(self, found: Version) -> None:
        self._content = self._content or found
        if found.rv > self._stop:
            self.versions.append(found)
        self._next = found.rv - 1
        # Of a life that memory does not have, the question whether it was there at the base itself is put as well.
        self.done = self._next <= self._stop if self.known.rv >= 0 else self._next < self._stop


def version_of(raw: bytes, header: Header | None = None) -> Version:
    """A served object with its version; raises `Unreadable` without metadata."""
    return Version(numeric((header or read_header(raw)).resource_version), raw)


def _line(kind: str, raw: bytes) -> bytes:
    return b'{"type":"%s","object":%s}' % (kind.encode(), raw)


def _versioned(raw: bytes, rv: int) -> bytes:
    """The same object with another resourceVersion: a watch's DELETED carries the deletion's own."""
    members = cut(raw)
    metadata = cut(members["metadata"])
    metadata["resourceVersion"] = Raw(b'"%d"' % rv)
    members["metadata"] = Raw(_encode(metadata))
    return _encode(members)
