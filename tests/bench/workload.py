"""The generated workload: objects of real sizes and the changes of a 5,000-node cluster, without its leases.

Shares of the changes (a day's average): Kubernetes Events 48 %, pods 22 %, nodes 12 %, controllers' status 10 %,
endpoint slices 7 %. Sizes: pod 12 KB, node 7 KB, deployment 7 KB, slice of 60 endpoints 15 KB, Event 1.7 KB. A line is
cut from a template, so that making it costs next to nothing beside reading it.
"""

import json
import random
import time
import zlib
from typing import Final, Literal, NamedTuple

from tests.bench.shapes import MAKERS, Sort

STATES = 6
BEGAN: Final = b"2026-01-01T00:00:00Z"
Kind = Literal["ADDED", "MODIFIED", "DELETED"]
SORTS = (
    Sort("Pod", "pods", "", "v1", 13_000, 0.222),
    Sort("Node", "nodes", "", "v1", 1_000, 0.122),
    Sort("Deployment", "deployments", "apps", "v1", 3_000, 0.100),
    Sort("EndpointSlice", "endpointslices", "discovery.k8s.io", "v1", 3_000, 0.075),
    Sort("Event", "events", "", "v1", 0, 0.481),
)


class Version(NamedTuple):
    """One version of an object; `life` counts how often its name was given anew, `born` is when this life began."""

    rv: int
    life: int
    state: int
    stamp: bytes
    born: bytes = BEGAN


class Change(NamedTuple):
    """`before`: the version before, if there was one; `at`: seconds of the monotonic clock."""

    rv: int
    at: float
    type: Kind
    number: int
    version: Version
    before: Version | None


class Template:
    """A line with holes."""

    def __init__(self, sort: Sort, state: int) -> None:
        """Render one state of one kind."""
        api_version = f"{sort.group}/{sort.version}" if sort.group else sort.version
        body = {"kind": sort.kind, "apiVersion": api_version, **MAKERS[sort.kind](sort, state)}
        self._kind = zlib.crc32(sort.kind.encode()) & 0xFFFF
        self._parts = json.dumps(body, separators=(",", ":")).encode().split(b"@")

    def fill(self, number: int, version: Version) -> bytes:
        """The object with this number at this version."""
        holes = {
            b"NAME": b"object-%d" % number,
            b"NS": b"team-%d" % (number % 50),
            b"TIME": version.stamp,
            b"BORN": version.born,
        }
        holes[b"RV"] = b"%d" % version.rv
        holes[b"UID"] = b"%08x-%04x-4%03x-8000-%012x" % (number, self._kind, version.life & 0xFFF, number)
        return b"".join([holes.get(part, part) for part in self._parts])


class Source:
    """Objects of one kind and how they change; resourceVersions are shared by all kinds of one workload.

    `churn`: share of the changes of an object that end its life (its next change begins another one).
    """

    def __init__(self, sort: Sort, seed: int, churn: float = 0.0) -> None:
        """Templates are rendered once; every object stands at version 1000 + its number."""
        self.sort = sort
        self.living = {number: Version(1000 + number, 0, 0, BEGAN) for number in range(sort.objects)}
        self._templates = [Template(sort, state) for state in range(STATES)]
        self._random = random.Random(seed)
        self._churn = churn
        self._lives: dict[int, int] = {}
        self._born = 0

    def change(self, rv: int, stamp: bytes) -> Change:
        """The next change of this kind."""
        if not self.sort.objects:
            self._born += 1
            return self._to("ADDED", self._born, Version(rv, 0, self._born % STATES, stamp, stamp))
        number = int(self.sort.objects * self._random.random() ** 2)  # some objects change far more often than others
        before = self.living.get(number)
        if before is None:
            self._lives[number] = life = self._lives.get(number, 0) + 1
            return self._to("ADDED", number, Version(rv, life, 0, stamp, stamp))
        if self._churn and self._random.random() < self._churn:
            return self.end(number, rv)
        after = before._replace(rv=rv, state=(before.state + 1) % STATES, stamp=stamp)
        return self._to("MODIFIED", number, after)

    def end(self, number: int, rv: int) -> Change:
        """The object is deleted."""
        before = self.living.pop(number)
        return Change(rv, time.monotonic(), "DELETED", number, before._replace(rv=rv), before)

    def fill(self, number: int, version: Version) -> bytes:
        """A version as served."""
        return self._templates[version.state].fill(number, version)

    def brief(self, number: int, version: Version) -> bytes:
        """Its metadata alone."""
        whole = json.loads(self.fill(number, version))
        names = ("name", "namespace", "uid", "resourceVersion")
        return json.dumps({"metadata": {name: whole["metadata"].get(name, "") for name in names}}).encode()

    def _to(self, kind: Kind, number: int, version: Version) -> Change:
        before = self.living.get(number)
        self.living[number] = version
        return Change(version.rv, time.monotonic(), kind, number, version, before)
