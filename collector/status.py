"""Capture as it stands, for readiness, status pages and gauges."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from collector.heartbeat import Heartbeat
from collector.metrics import Metrics
from collector.reflector import Reflector, State
from schema.events import KindInfo
from schema.objects import Scope


@dataclass(frozen=True, slots=True, kw_only=True)
class ScopeStatus:
    """One watch, for people: `current_until` None before its first complete list."""

    scope: Scope
    state: State
    trouble: str
    connected: bool
    live: bool
    current_until: datetime | None
    confirmed: datetime | None
    since: datetime | None
    rv: str
    held: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CollectorStatus:
    """Capture as it stands. `ready`: every watch has its first list, or is known not to get one."""

    cluster_uid: str
    ready: bool
    trouble: str
    lag_seconds: float
    """How far the watch that is furthest behind is behind now; 0 before the first list."""
    kinds: Mapping[str, KindInfo]
    scopes: Sequence[ScopeStatus]


def scope_status(one: Reflector) -> ScopeStatus:
    """One Reflector, as it stands."""
    return ScopeStatus(
        scope=one.scope,
        state=one.state,
        trouble=one.trouble,
        connected=one.connected,
        live=one.live,
        current_until=one.current_until,
        confirmed=one.confirmed,
        since=one.position.since if one.position else None,
        rv=one.rv,
        held=one.held,
    )


class Gauges:
    """Moves the gauges to what is now, and forgets watches that are no more."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self._scopes: set[str] = set()
        self._freezes = 0
        self._frozen_seconds = 0.0

    def update(self, reflectors: Iterable[Reflector], heartbeat: Heartbeat, now: datetime) -> None:
        """Set all of them."""
        every = {str(one.scope): one for one in reflectors}
        for gone in self._scopes - every.keys():
            for gauge in (self._metrics.connected, self._metrics.lag, self._metrics.silence):
                gauge.remove(gone)
        self._scopes = set(every)
        for name, one in every.items():
            self._metrics.connected.labels(name).set(one.connected)
            self._metrics.lag.labels(name).set(_age(one.current_until, now))
            self._metrics.silence.labels(name).set(_age(one.confirmed, now))
        self._metrics.held.set(sum(one.held for one in every.values()))
        self._metrics.queued.set(sum(one.queued for one in every.values()))
        self._metrics.freezes.inc(heartbeat.freezes - self._freezes)
        self._metrics.frozen_seconds.inc(heartbeat.frozen_seconds - self._frozen_seconds)
        self._freezes, self._frozen_seconds = heartbeat.freezes, heartbeat.frozen_seconds


def _age(moment: datetime | None, now: datetime) -> float:
    return max(0.0, (now - moment).total_seconds()) if moment else 0.0
