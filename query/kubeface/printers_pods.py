"""How kubectl sums up a pod: its status in a word is made of its phase, conditions and every container's state."""

from dataclasses import dataclass, field
from datetime import datetime

from query.kubeface.columns import AGE, NAME, Cells, Printer, age, columns, deleting, name
from query.kubeface.durations import human, parsed
from query.kubeface.fields import flag, listed, number, text, value
from schema.canonical import JsonObject


@dataclass(slots=True)
class _Sum:
    """What is being summed up."""

    reason: str
    ready: int = 0
    restarts: int = 0
    last: list[datetime] = field(default_factory=list)

    def count(self, status: JsonObject) -> None:
        """A container's restarts, and when it ended last."""
        self.restarts += number(status, "restartCount")
        if ended := parsed(value(status, "lastState", "terminated", "finishedAt")):
            self.last.append(ended)

    def told(self, now: datetime) -> str:
        """`3 (5m ago)`."""
        ago = f" ({human(now - max(self.last))} ago)" if self.restarts and self.last else ""
        return f"{self.restarts}{ago}"


def _cells(pod: JsonObject, now: datetime) -> Cells:
    sidecars = {
        text(each, "name") for each in listed(pod, "spec", "initContainers") if text(each, "restartPolicy") == "Always"
    }
    total = len(listed(pod, "spec", "containers")) + len(sidecars)
    found = _summed(pod, sidecars)
    address = next((text(each, "ip") for each in listed(pod, "status", "podIPs")), "")
    return [
        name(pod),
        f"{found.ready}/{total}",
        _ended(pod, found.reason),
        found.told(now),
        age(pod, now),
        address or "<none>",
        text(pod, "spec", "nodeName", default="<none>"),
        text(pod, "status", "nominatedNodeName", default="<none>"),
        _gates(pod),
    ]


def _summed(pod: JsonObject, sidecars: set[str]) -> _Sum:
    reason = text(pod, "status", "reason") or text(pod, "status", "phase")
    if any(
        text(each, "type") == "PodScheduled" and text(each, "reason") == "SchedulingGated"
        for each in listed(pod, "status", "conditions")
    ):
        reason = "SchedulingGated"
    found, beside = _Sum(reason), _Sum("")
    initializing = _initialize(pod, sidecars, found, beside)
    if not initializing or _condition(pod, "Initialized"):
        found.restarts, found.last = beside.restarts, beside.last
        _containers(pod, found)
    return found


def _initialize(pod: JsonObject, sidecars: set[str], found: _Sum, beside: _Sum) -> bool:
    """Go along the init containers up to the first that is not done; whether there is one."""
    for index, status in enumerate(listed(pod, "status", "initContainerStatuses")):
        found.count(status)
        sidecar = text(status, "name") in sidecars
        if sidecar:
            beside.count(status)
        ended = value(status, "state", "terminated")
        if isinstance(ended, dict) and number(ended, "exitCode") == 0:
            continue
        if sidecar and flag(status, "started"):
            found.ready += flag(status, "ready")
            continue
        waiting = text(status, "state", "waiting", "reason")
        if isinstance(ended, dict):
            found.reason = f"Init:{_exit(ended)}"
        elif waiting and waiting != "PodInitializing":
            found.reason = f"Init:{waiting}"
        else:
            found.reason = f"Init:{index}/{len(listed(pod, 'spec', 'initContainers'))}"
        return True
    return False


def _containers(pod: JsonObject, found: _Sum) -> None:
    running, failed = False, ""
    for status in reversed(listed(pod, "status", "containerStatuses")):
        found.count(status)
        ended = value(status, "state", "terminated")
        if waiting := text(status, "state", "waiting", "reason"):
            found.reason = waiting
        elif isinstance(ended, dict):
            found.reason = _exit(ended)
            failed = found.reason if number(ended, "exitCode") else failed
        elif flag(status, "ready") and value(status, "state", "running") is not None:
            running = True
            found.ready += 1
    if found.reason == "Completed":
        if running and _condition(pod, "Ready"):
            found.reason = "Running"
        elif failed or running:
            found.reason = failed or "NotReady"


def _exit(ended: JsonObject) -> str:
    signal = number(ended, "signal")
    return text(ended, "reason") or (f"Signal:{signal}" if signal else f"ExitCode:{number(ended, 'exitCode')}")


def _ended(pod: JsonObject, reason: str) -> str:
    if not deleting(pod):
        return reason
    if text(pod, "status", "reason") == "NodeLost":
        return "Unknown"
    return reason if text(pod, "status", "phase") in ("Succeeded", "Failed") else "Terminating"


def _condition(pod: JsonObject, kind: str) -> bool:
    found = (each for each in listed(pod, "status", "conditions") if text(each, "type") == kind)
    return text(next(found, {}), "status") == "True"


def _gates(pod: JsonObject) -> str:
    gates = listed(pod, "spec", "readinessGates")
    return f"{sum(_condition(pod, text(each, 'conditionType')) for each in gates)}/{len(gates)}" if gates else "<none>"


PODS = Printer(
    (
        NAME,
        *columns("Ready", "Status", "Restarts"),
        AGE,
        *columns("IP+", "Node+", "Nominated Node+", "Readiness Gates+"),
    ),
    _cells,
)
