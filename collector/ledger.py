"""Gaps and late spans of one scope, as records. Their ids are made of what they say: said twice, they are the same."""

import hashlib
from datetime import datetime

from collector.clock import Capture, micros
from schema.events import Gap, Late
from schema.objects import Scope, split_kind_id


class Ledger:
    """Writes a scope's records about time."""

    def __init__(self, capture: Capture, scope: Scope) -> None:
        self._capture = capture
        self._scope = scope
        self._resource, self._group = split_kind_id(scope.kind)

    def gap(self, *, epoch: int, from_rv: str, to_rv: str, since: datetime, until: datetime, reason: str) -> Gap:
        """Something may be missing between these versions."""
        return Gap(
            id=self._id("gap", str(epoch), from_rv, to_rv),
            cluster=self._capture.cluster,
            cluster_uid=self._capture.cluster_uid,
            resource=self._resource,
            group=self._group,
            namespace=self._scope.namespace,
            from_rv=from_rv,
            to_rv=to_rv,
            from_t=min(since, until),
            to_t=until,
            reason=reason,
        )

    def late(self, *, since: datetime, until: datetime, events: int, reason: str) -> Late:
        """Times in this span are estimates."""
        return Late(
            id=self._id("late", str(micros(since)), str(micros(until))),
            cluster=self._capture.cluster,
            cluster_uid=self._capture.cluster_uid,
            resource=self._resource,
            group=self._group,
            namespace=self._scope.namespace,
            from_t=since,
            to_t=until,
            reason=reason,
            events=events,
        )

    def _id(self, *parts: str) -> str:
        text = "\0".join((self._capture.cluster_uid, str(self._scope), *parts))
        return hashlib.blake2b(text.encode(), digest_size=12).hexdigest()
