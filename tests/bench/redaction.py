"""What redaction costs: CPU for each observed change, with all rules and with none.

    python -m tests.bench.redaction

The objects and changes are those of the other benchmarks (`tests.bench.workload`). One JSON line per kind: microseconds
of CPU from a watch line to its event. CPU, not time: the machine may be busy.
"""

import time
from dataclasses import dataclass

from collector.clock import Capture
from collector.recorder import TrackerPolicy
from collector.redact import Redactor
from collector.redact_rules import DEFAULTS, RedactionRules
from collector.skew import Skew
from collector.tracker import Tracker
from schema.objects import Kind, Scope
from tests.bench.report import figure
from tests.bench.workload import SORTS, Template, Version
from tests.fakes.clock import FakeClock
from tests.fakes.served import KEY, NOON, at

OBJECTS = 100
ROUNDS = 40


@dataclass(frozen=True, slots=True)
class _Kind:
    """One kind of the workload and its lines, as they come."""

    kind: Kind
    items: list[bytes]
    lines: list[bytes]


def _made(number: int) -> _Kind:
    sort = SORTS[number]
    kind = Kind(
        group=sort.group, version=sort.version, resource=sort.resource, kind=sort.kind, namespaced=sort.namespaced
    )
    templates = [Template(sort, state) for state in range(6)]
    items = [templates[0].fill(one, Version(1000 + one, 0, 0, b"2026-01-01T00:00:00Z")) for one in range(OBJECTS)]
    lines: list[bytes] = []
    for turn in range(1, ROUNDS):
        for one in range(OBJECTS):
            version = Version(10_000 + len(lines), 0, turn % 6, b"2026-03-01T12:00:%02dZ" % (turn % 60))
            lines.append(b'{"type":"MODIFIED","object":' + templates[turn % 6].fill(one, version) + b"}\n")
    return _Kind(kind, items, lines)


def _cpu(one: _Kind, rules: RedactionRules) -> float:
    """Microseconds an event."""
    tracker = Tracker(
        origin=Capture(cluster="lab", cluster_uid="c"),
        kind=one.kind,
        scope=Scope(one.kind.id),
        redactor=Redactor(KEY, rules),
        policy=TrackerPolicy(),
        skew=Skew(),
        clock=FakeClock(NOON),
    )
    tracker.restore([], None)
    tracker.replace(one.items, rv="9999", at=NOON, reason="")
    began = time.process_time()
    tracker.observe(one.lines, at=at(1), not_before=None)
    return 1e6 * (time.process_time() - began) / len(one.lines)


def main() -> None:
    """Each kind, the least of three runs each way."""
    none = RedactionRules(off=frozenset(DEFAULTS))
    for number in range(4):
        one = _made(number)
        without = min(_cpu(one, none) for _ in range(3))
        every = min(_cpu(one, RedactionRules()) for _ in range(3))
        figure("CPU per event, all rules", round(every, 1), "us", kind=one.kind.id, without_rules=round(without, 1))


if __name__ == "__main__":
    main()
