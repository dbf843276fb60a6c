"""Which mind a scope gets: a tracker with memory, or for Kubernetes Events the light one without."""

from collections.abc import Callable, Iterable
from functools import partial
from typing import Protocol

from collector.clock import Capture, Clock
from collector.kubeevents import KubeEventTracker
from collector.memory import Warm
from collector.openapi import ListMapKeys
from collector.outlet import TrackerLike
from collector.recorder import TrackerPolicy
from collector.recovery import RecoveringTracker
from collector.redact import Redactor
from collector.settings import CollectorSettings
from collector.sink import Position, Remembered
from collector.skew import Skew
from schema.objects import KUBE_EVENTS, Kind, Scope


class RestorableTracker(TrackerLike, Protocol):
    """A tracker that can take up where another process ended."""

    def restore(self, remembered: Iterable[Remembered], position: Position | None) -> None:
        """Memory and resume point of the time before; before anything else."""
        ...


TrackerFactory = Callable[[Capture, Kind, Scope], RestorableTracker]


def has_memory(kind: Kind) -> bool:
    """Kubernetes Events are not compared with what they were before."""
    return kind.id not in KUBE_EVENTS


def factory(
    settings: CollectorSettings, *, skew: Skew, clock: Clock, keys: ListMapKeys | None = None
) -> TrackerFactory:
    """Trackers that share one redaction key, one idea of the server's clock, and what its schemas say of lists."""
    served = keys or ListMapKeys()
    redactor = Redactor(settings.redaction_key, settings.redaction)
    warm = Warm()
    policy = TrackerPolicy(keyframe_bytes=settings.keyframe_bytes, keyframe_every=settings.keyframe_every)

    def make(capture: Capture, kind: Kind, scope: Scope) -> RestorableTracker:
        if not has_memory(kind):
            return KubeEventTracker(origin=capture, kind=kind, scope=scope, redactor=redactor, skew=skew, clock=clock)
        return RecoveringTracker(
            origin=capture,
            kind=kind,
            scope=scope,
            redactor=redactor,
            policy=policy,
            skew=skew,
            clock=clock,
            keys=partial(served.of, kind.id),
            warm=warm,
        )

    return make
