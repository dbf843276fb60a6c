"""The generated workload: objects of real sizes and the changes of a 5,000-node cluster, without its leases.

Shares of the changes (a day's average): Kubernetes Events 48 %, pods 22 %, nodes 12 %, controllers' status 10 %,
endpoint slices 7 %. Sizes: pod 12 KB, node 7 KB, deployment 7 KB, slice of 60 endpoints 15 KB, Event 1.7 KB. A line is
cut from a template, so that making it costs next to nothing beside reading it.
"""

import json
import random
import zlib
from collections.abc import Iterator
from datetime import UTC, datetime

from tests.bench.shapes import MAKERS, Sort

STATES = 6
SORTS = (
    Sort("Pod", "pods", "", "v1", 13_000, 0.222),
    Sort("Node", "nodes", "", "v1", 1_000, 0.122),
    Sort("Deployment", "deployments", "apps", "v1", 3_000, 0.100),
    Sort("EndpointSlice", "endpointslices", "discovery.k8s.io", "v1", 3_000, 0.075),
    Sort("Event", "events", "", "v1", 0, 0.481),
)


class Template:
    """A line with holes."""

    def __init__(self, sort: Sort, state: int) -> None:
        """Render one state of one kind."""
        api_version = f"{sort.group}/{sort.version}" if sort.group else sort.version
        body = {"kind": sort.kind, "apiVersion": api_version, **MAKERS[sort.kind](sort, state)}
        self._kind = zlib.crc32(sort.kind.encode()) & 0xFFFF
        self._parts = json.dumps(body, separators=(",", ":")).encode().split(b"@")

    def fill(self, number: int, rv: int, time: bytes) -> bytes:
        """The object with this number at this version."""
        holes = {b"NAME": b"object-%d" % number, b"NS": b"team-%d" % (number % 50), b"RV": b"%d" % rv, b"TIME": time}
        holes[b"UID"] = b"%08x-%04x-4000-8000-%012x" % (number, self._kind, number)
        return b"".join([holes.get(part, part) for part in self._parts])


class Source:
    """Objects and changes of one kind; resourceVersions are shared by all kinds of one workload."""

    def __init__(self, sort: Sort, seed: int) -> None:
        """Templates are rendered once."""
        self.sort = sort
        self._templates = [Template(sort, state) for state in range(STATES)]
        self._random = random.Random(seed)
        self._state: dict[int, int] = {}
        self._born = 0

    def initial(self) -> Iterator[bytes]:
        """Every object at version 1000 + its number."""
        for number in range(self.sort.objects):
            self._state[number] = 0
            yield self._templates[0].fill(number, 1000 + number, b"2026-01-01T00:00:00Z")

    def change(self, rv: int) -> bytes:
        """The next watch line of this kind."""
        time = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ").encode()
        if not self.sort.objects:
            self._born += 1
            return b'{"type":"ADDED","object":%s}\n' % self._templates[self._born % STATES].fill(self._born, rv, time)
        number = int(self.sort.objects * self._random.random() ** 2)  # some objects change far more often than others
        self._state[number] = state = (self._state[number] + 1) % STATES
        return b'{"type":"MODIFIED","object":%s}\n' % self._templates[state].fill(number, rv, time)
