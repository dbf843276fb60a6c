"""Proof that nothing was lost: a list of the server, at exactly the version that memory stands at, beside memory.

Such a list (resourceVersionMatch=Exact, metadata only) can be had while etcd keeps that version, and races with
nothing: whatever differs was missed, or is not as it was (etcd restored from a backup and already past our version).
A difference is counted, and repaired on record: the watch is left for a fresh list, whose differences become `audit`
events inside a gap that begins with the last audit that found none.

What cannot be recorded at all (an object that is no object) differs for ever; it is repaired once and then counted.
"""

import asyncio
import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final, Protocol, runtime_checkable

from collector.clock import numeric
from collector.cluster import Cluster, ClusterError
from collector.lives import Known
from collector.metrics import Metrics
from collector.observation import Unreadable, read_header
from collector.reflector import Reflector
from collector.relist import AUDIT
from collector.settings import CollectorSettings
from collector.sink import Position
from schema.objects import Scope

log = logging.getLogger(__name__)


@runtime_checkable
class Auditable(Protocol):
    """A tracker whose memory can be looked through (`collector.recovery`)."""

    @property
    def position(self) -> Position | None:
        """Where memory stands, if nothing is held."""
        ...

    @property
    def held(self) -> int:
        """Events observed and not given out."""
        ...

    def known(self) -> dict[str, Known]:
        """Every living object, by uid."""
        ...

    def doubt(self, since: datetime) -> None:
        """Something after this moment is not as the server has it."""
        ...


class Verdict(StrEnum):
    """What an audit of one scope found."""

    EQUAL = "equal"
    DIFFERS = "differs"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """`objects`: how many were compared; `differing`: uids; `why`: what was in the way of an audit."""

    verdict: Verdict
    objects: int = 0
    differing: frozenset[str] = frozenset()
    why: str = ""


UNOPENED: Final = 10.0
"""Seconds until an auditor without a watch looks again; a whole round would put the first audit off by hours."""

Subject = tuple[Reflector, object]
"""A watch and its tracker."""


class Auditor:
    """Audits the scopes of one collector, one after the other."""

    def __init__(
        self,
        cluster: Cluster,
        *,
        subjects: Callable[[], Iterable[Subject]],
        settings: CollectorSettings,
        metrics: Metrics,
    ) -> None:
        self._cluster = cluster
        self._subjects = subjects
        self._page_size = settings.page_size
        self._every = settings.audit_every
        self._metrics = metrics
        self._sound: dict[Scope, datetime] = {}
        self._hopeless: dict[Scope, frozenset[str]] = {}

    async def run(self) -> None:
        """For ever; each round is spread over the time between two."""
        while True:
            subjects = list(self._subjects())
            for reflector, tracker in subjects:
                await asyncio.sleep(self._every / len(subjects))
                try:
                    await self.audit(reflector, tracker)
                except Exception:  # an audit looks after capture: its own faults must never end that
                    log.exception("the audit of %s stumbled", reflector.scope)
            if not subjects:  # watches are still being opened
                await asyncio.sleep(min(self._every, UNOPENED))

    async def audit(self, reflector: Reflector, tracker: object) -> Finding:
        """Compare one scope, and have it repaired where it differs."""
        try:
            found = await self._compare(reflector, tracker)
        except (ClusterError, Unreadable) as error:
            found = Finding(verdict=Verdict.SKIPPED, why=str(error))
        self._metrics.audits.labels(reflector.kind.id, found.verdict.value).inc()
        if found.verdict is Verdict.DIFFERS and isinstance(tracker, Auditable):
            self._repair(reflector, tracker, found)
        return found

    async def _compare(self, reflector: Reflector, tracker: object) -> Finding:
        if not isinstance(tracker, Auditable):
            return Finding(verdict=Verdict.SKIPPED, why="there is no memory of this kind")
        position = tracker.position
        if position is None or tracker.held or not reflector.live:
            return Finding(verdict=Verdict.SKIPPED, why="the watch is not level with the server")
        if numeric(position.rv) < 0:
            return Finding(verdict=Verdict.SKIPPED, why="resourceVersions are not numbers here")
        ours = {uid: known.rv for uid, known in tracker.known().items()}
        theirs = await self._listed(reflector, position.rv)
        differing = frozenset(uid for uid in ours.keys() | theirs.keys() if ours.get(uid) != theirs.get(uid))
        if differing:
            return Finding(verdict=Verdict.DIFFERS, objects=len(theirs), differing=differing)
        self._sound[reflector.scope] = position.at
        return Finding(verdict=Verdict.EQUAL, objects=len(theirs))

    async def _listed(self, reflector: Reflector, rv: str) -> dict[str, int]:
        """uid → version, of every object as it was at `rv`."""
        found: dict[str, int] = {}
        more = ""
        while True:
            page = await self._cluster.exact(
                reflector.kind, reflector.scope.namespace, rv=rv, more=more, limit=self._page_size, metadata=True
            )
            headers = [read_header(item) for item in page.items]
            found |= {header.life: numeric(header.resource_version) for header in headers}
            if not (more := page.more):
                return found

    def _repair(self, reflector: Reflector, tracker: Auditable, found: Finding) -> None:
        scope, kind = reflector.scope, reflector.kind.id
        self._metrics.audit_differences.labels(kind).inc(len(found.differing))
        if found.differing == self._hopeless.get(scope):
            return
        self._hopeless[scope] = found.differing
        since = self._sound.get(scope) or (tracker.position.since if tracker.position else None)
        log.error(
            "%d of %d objects of %s are not as the server has them; comparing",
            len(found.differing),
            found.objects,
            scope,
        )
        if since is not None:
            tracker.doubt(since)
        reflector.compare_again(AUDIT)
