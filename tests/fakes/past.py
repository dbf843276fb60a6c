"""Etcd as healing sees it: every revision is one write, and a list can be had as it was at any that is still kept."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import orjson

from collector.burst import Snapshot
from collector.cluster import Expired, Page
from tests.fakes.served import line, served

Change = Literal["ADDED", "MODIFIED", "DELETED"]


@dataclass(slots=True)
class FakePast:
    """Implements `tests.fakes.cluster.Past`. Versions before `kept` are compacted; `first` is an empty cluster's."""

    first: int = 100
    kept: int = 0
    lines: list[tuple[int, Change, str, bytes]] = field(default_factory=list)
    _states: list[Mapping[str, bytes]] = field(default_factory=lambda: [{}])

    @property
    def newest(self) -> int:
        return self.first + len(self._states) - 1

    def write(self, name: str, value: int) -> None:
        """Create or change."""
        before = self._states[-1].get(name)
        uid = orjson.loads(before)["metadata"]["uid"] if before else f"{name}-{self.newest + 1}"
        raw = served(self.newest + 1, {"data": {"value": value}}, name=name, uid=uid, typed=False)
        self._say("MODIFIED" if before else "ADDED", name, raw)
        self._states.append({**self._states[-1], name: raw})

    def delete(self, name: str) -> None:
        left = dict(self._states[-1])
        last = orjson.loads(left.pop(name))
        last["metadata"]["resourceVersion"] = str(self.newest + 1)
        self._say("DELETED", name, orjson.dumps(last))
        self._states.append(left)

    def write_elsewhere(self) -> None:
        """Another kind changes."""
        self._states.append(self._states[-1])

    def has(self, name: str) -> bool:
        return name in self._states[-1]

    def list_at(self, rv: int) -> Snapshot:
        """A whole list, as it was at this version."""
        return Snapshot(items=[*self._states[rv - self.first].values()], rv=str(rv))

    def told(self, after: int, up_to: int) -> list[bytes]:
        """What a watch says of (after, up_to]."""
        return [raw for rv, _, _, raw in self.lines if after < rv <= up_to]

    def page(self, namespace: str, *, rv: str, name: str, more: str, limit: int) -> Page:
        if int(rv) < self.kept:
            raise Expired(f"version {rv} of {namespace} has been compacted")
        state = self._states[int(rv) - self.first]
        items = [raw for key, raw in sorted(state.items()) if not name or key == name]
        start, stop = int(more or 0), int(more or 0) + (limit or len(items))
        return Page(items=items[start:stop], rv=rv, more=str(stop) if stop < len(items) else "")

    def _say(self, change: Change, name: str, raw: bytes) -> None:
        self.lines.append((self.newest + 1, change, name, line(change, raw)))
