"""A small history that is consistent in itself: chains, patches, hashes and the coverage ledger, ready to be stored.

    history = History("lab")
    history.watch("configmaps", from_=0, to=600)
    history.put("configmaps", "shop/settings", {"data": {"a": "1"}}, at=10, by="kubectl-edit")
    history.delete("configmaps", "shop/settings", at=30)
    history.store(store)

Times are seconds after NOON. What is put is the object's body; metadata is filled in. Every put after the first is an
update of the same life, until a delete ends it.
"""

import itertools
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import orjson
from msgspec import Raw

from schema.canonical import Json, JsonObject, canonical, digest
from schema.diff import diff
from schema.events import (
    Actor,
    ClockStep,
    Event,
    Gap,
    KindInfo,
    Kinds,
    Late,
    Op,
    Origin,
    Start,
    Stop,
    Watching,
    Watermark,
    event_id,
)
from schema.listkeys import heuristic
from schema.objects import Scope, split_kind_id
from schema.patch import to_patch
from schema.paths import render
from schema.rows import event_rows
from schema.rows_control import coverage_rows, kind_rows
from schema.store import Store
from tests.fakes.records import NOON

TOKENS = itertools.count(1)


def at(seconds: float) -> datetime:
    """So many seconds after NOON."""
    return NOON + timedelta(seconds=seconds)


def kind_info(
    kind: str,
    name: str,
    *,
    short: str = "",
    namespaced: bool = True,
    watching: Watching = "yes",
    reason: str = "",
    version: str = "v1",
) -> KindInfo:
    """A kind as discovery tells of it."""
    resource, group = split_kind_id(kind)
    return KindInfo(
        resource=resource,
        group=group,
        version=version,
        kind=name,
        namespaced=namespaced,
        singular=name.lower(),
        short_names=[short] if short else [],
        watching=watching,
        reason=reason,
    )


KINDS = (
    kind_info("configmaps", "ConfigMap", short="cm"),
    kind_info("deployments.apps", "Deployment", short="deploy"),
    kind_info("nodes", "Node", short="no", namespaced=False),
    kind_info("pods", "Pod", short="po"),
    kind_info("secrets", "Secret"),
)
LEASES = kind_info("leases.coordination.k8s.io", "Lease", watching="off", reason="not recorded by default")


@dataclass(slots=True)
class _Chain:
    """One life as it is being told."""

    uid: str
    epoch: int
    seq: int = 0
    rv: str = ""
    state: JsonObject = field(default_factory=dict)
    managers: dict[str, str] = field(default_factory=dict)


class History:
    """Tells a history event by event; `store` writes it. Resource versions rise by one per event, over all kinds."""

    def __init__(
        self, cluster: str = "lab", *, kinds: tuple[KindInfo, ...] = KINDS, epoch: int = 1_772_366_400_000
    ) -> None:
        self.cluster = cluster
        self.cluster_uid = f"uid-of-{cluster}"
        self.events: list[Event] = []
        self.ledger: list[Watermark | Gap | Late | Start | Stop | ClockStep] = []
        self.kinds = (
            [Kinds(cluster=cluster, cluster_uid=self.cluster_uid, at=at(0), kinds=list(kinds))] if kinds else []
        )
        self._names = {each.resource + (f".{each.group}" if each.group else ""): each for each in kinds}
        self._epoch = epoch
        self._cause = ""
        self._rv = 100
        self._lives = 0
        self._chains: dict[tuple[str, str], _Chain] = {}

    def put(
        self,
        kind: str,
        name: str,
        body: JsonObject,
        *,
        at: float,
        by: str = "",
        origin: Origin = "watch",
        noise: str = "",
        left_out: bool = False,
        labels: dict[str, str] | None = None,
        error: float = 0.0,
        gap: str | None = None,
        meta: JsonObject | None = None,
    ) -> Event:
        """Create or change `namespace/name` (`name` alone: cluster-scoped). `left_out`: the row carries no state.

        `meta`: what metadata holds besides name, uid and labels.
        """
        chain = self._chains.get((kind, name))
        op: Op = "update" if chain and chain.seq else "add"
        if chain is None:
            self._lives += 1
            chain = self._chains[kind, name] = _Chain(uid=f"{self.cluster}-{self._lives:04}", epoch=self._epoch)
        state = self._state(kind, name, chain.uid, body, labels, meta)
        edits = diff(chain.state, state, heuristic) if op == "update" else []
        event = self._event(kind, name, chain, op=op, state=state, at=at, origin=origin)
        event.patch = Raw(orjson.dumps(to_patch(edits)))
        event.paths = [render(each.path) for each in edits]
        event.managers = [None if each.op == "remove" or not by else by for each in edits]
        if by:
            event.actor = Actor(name=by, operation="Update", time=event.ts, source="managedFields", confidence="high")
        event.noise, event.ts_error, event.gap = noise, error, gap
        if left_out:
            event.object = None
        chain.state = state
        return event

    def reopen(self, *, cause: str) -> None:
        """Chains begin anew, in a later epoch: what is put next is found again by a list."""
        self._epoch += 1
        self._cause = cause
        for chain in self._chains.values():
            chain.epoch, chain.seq, chain.rv, chain.state = self._epoch, 0, "", {}

    def delete(self, kind: str, name: str, *, at: float, origin: Origin = "watch") -> Event:
        """End the life that bears this name."""
        chain = self._chains.pop((kind, name))
        return self._event(kind, name, chain, op="delete", state=chain.state, at=at, origin=origin)

    def watch(
        self, *kinds: str, from_: float = 0, to: float = 3600, namespace: str = "", confirmed: float | None = None
    ) -> None:
        """These kinds (all watched ones when none is named) were watched without a break."""
        named = kinds or tuple(name for name, each in self._names.items() if each.watching == "yes")
        last = at(to if confirmed is None else confirmed)
        scopes = {str(Scope(kind, namespace)): (str(self._rv), at(to), last, at(from_)) for kind in named}
        self.ledger.append(
            Watermark(cluster=self.cluster, cluster_uid=self.cluster_uid, slot=0, at=at(to), scopes=scopes)
        )

    def gap(self, kind: str, from_: float, to: float, *, reason: str = "expired", namespace: str = "") -> str:
        """A gap of this kind; its id."""
        resource, group = split_kind_id(kind)
        identity = f"gap-{self.cluster}-{len(self.ledger)}"
        self.ledger.append(
            Gap(
                id=identity,
                cluster=self.cluster,
                cluster_uid=self.cluster_uid,
                resource=resource,
                group=group,
                namespace=namespace,
                from_rv="1",
                to_rv="2",
                from_t=at(from_),
                to_t=at(to),
                reason=reason,
            )
        )
        return identity

    def late(self, kind: str, from_: float, to: float, *, reason: str = "reconnected") -> None:
        """What happened in this span was read after it."""
        resource, group = split_kind_id(kind)
        self.ledger.append(
            Late(
                id=f"late-{self.cluster}-{len(self.ledger)}",
                cluster=self.cluster,
                cluster_uid=self.cluster_uid,
                resource=resource,
                group=group,
                namespace="",
                from_t=at(from_),
                to_t=at(to),
                reason=reason,
                events=1,
            )
        )

    def serve(self, *kinds: KindInfo, since: float) -> None:
        """The cluster begins to serve (or to be allowed to show) these kinds."""
        self.kinds.append(
            Kinds(cluster=self.cluster, cluster_uid=self.cluster_uid, at=at(since), kinds=list(kinds), partial=True)
        )
        self._names |= {each.resource + (f".{each.group}" if each.group else ""): each for each in kinds}

    def store(self, store: Store, *, recorded: datetime | None = None) -> None:
        """Insert what was told since the last call; `recorded`: when the ledger was written."""
        number = next(TOKENS)
        if self.events:
            store.insert("events", event_rows(self.events), token=f"events-{number}")
        if self.ledger:
            store.insert("coverage", coverage_rows(self.ledger, at=recorded or at(number)), token=f"coverage-{number}")
        if self.kinds:
            store.insert("kinds", kind_rows(self.kinds), token=f"kinds-{number}")
        self.events, self.ledger, self.kinds = [], [], []

    def _state(
        self,
        kind: str,
        name: str,
        uid: str,
        body: JsonObject,
        labels: dict[str, str] | None,
        meta: JsonObject | None = None,
    ) -> JsonObject:
        namespace, _, bare = name.rpartition("/")
        metadata: dict[str, Json] = {**(meta or {}), "name": bare, "uid": uid}
        if namespace:
            metadata["namespace"] = namespace
        if labels:
            metadata["labels"] = dict(labels)
        info = self._names[kind]
        version = f"{info.group}/{info.version}" if info.group else info.version
        return {"apiVersion": version, "kind": info.kind, "metadata": metadata, **body}

    def _event(
        self, kind: str, name: str, chain: _Chain, *, op: Op, state: JsonObject, at: float, origin: Origin
    ) -> Event:
        namespace, _, bare = name.rpartition("/")
        resource, group = split_kind_id(kind)
        self._rv += 1
        chain.seq += 1
        previous, chain.rv = chain.rv, str(self._rv)
        body = canonical(state)
        when = NOON + timedelta(seconds=at)
        event = Event(
            id=event_id(
                cluster=self.cluster,
                cluster_uid=self.cluster_uid,
                kind=kind,
                uid=chain.uid,
                epoch=chain.epoch,
                rv=chain.rv,
                op=op,
            ),
            cluster=self.cluster,
            cluster_uid=self.cluster_uid,
            group=group,
            version=self._names[kind].version,
            kind=self._names[kind].kind,
            resource=resource,
            namespace=namespace,
            name=bare,
            uid=chain.uid,
            op=op,
            origin=origin,
            epoch=chain.epoch,
            cause=self._cause if op == "add" else "",
            seq=chain.seq,
            rv=chain.rv,
            prev_rv=previous,
            observed_at=when,
            ts=when,
            hash=digest(body),
            object=Raw(body),
        )
        self.events.append(event)
        return event
