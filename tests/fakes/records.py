"""Records with everything filled in, so that a test names only what it is about."""

from datetime import UTC, datetime, timedelta

from msgspec import Raw

from collector.sink import Remembered
from schema.canonical import canonical, digest
from schema.events import Event, Gap, Involved, KindInfo, Kinds, KubeEvent, Late, Op, Start, Watermark, event_id
from schema.objects import split_kind_id

NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
CLUSTER, CLUSTER_UID = "lab", "c-1"


def at(seconds: float) -> datetime:
    """So many seconds after noon."""
    return NOON + timedelta(seconds=seconds)


def event(
    number: int = 1,
    *,
    kind: str = "pods",
    uid: str = "",
    op: Op = "add",
    seq: int = 1,
    ts: datetime | None = None,
    state: bytes | None = None,
    patch: bytes = b"[]",
    state_hash: str = "",
    epoch: int = 1,
    cluster: str = CLUSTER,
    managed: bytes | None = None,
) -> Event:
    """The observation with resourceVersion `number`, read `number` seconds after noon."""
    resource, group = split_kind_id(kind)
    uid = uid or f"u-{number}"
    body = state if state is not None else canonical({"metadata": {"name": uid}, "n": number})
    when = ts or at(number)
    return Event(
        id=event_id(cluster=cluster, cluster_uid=CLUSTER_UID, kind=kind, uid=uid, epoch=epoch, rv=str(number), op=op),
        cluster=cluster,
        cluster_uid=CLUSTER_UID,
        group=group,
        version="v1",
        kind="Thing",
        resource=resource,
        namespace="shop",
        name=uid,
        uid=uid,
        op=op,
        origin="watch",
        epoch=epoch,
        seq=seq,
        rv=str(number),
        observed_at=when,
        ts=when,
        patch=Raw(patch),
        hash=state_hash or digest(body),
        object=Raw(body) if body else None,
        managed=Raw(managed) if managed else None,
    )


def kube_event(number: int = 1) -> KubeEvent:
    return KubeEvent(
        cluster=CLUSTER,
        cluster_uid=CLUSTER_UID,
        namespace="shop",
        name=f"e-{number}",
        uid=f"e-{number}",
        rv=str(number),
        event_type="Warning",
        reason="BackOff",
        message="Back-off restarting failed container",
        count=1,
        first_seen=at(number),
        last_seen=at(number),
        component="kubelet",
        host="node-1",
        involved=Involved(kind="Pod", namespace="shop", name="web"),
        observed_at=at(number),
        ts=at(number),
    )


def watermark(
    second: float, *scopes: str, slot: int = 0, since: datetime = NOON, confirmed: datetime | None = None
) -> Watermark:
    """These scopes (default: pods) are known up to so many seconds after noon."""
    mark = (f"{int(second)}", at(second), confirmed or at(second), since)
    return Watermark(
        cluster=CLUSTER,
        cluster_uid=CLUSTER_UID,
        slot=slot,
        at=at(second),
        scopes=dict.fromkeys(scopes or ("pods",), mark),
    )


def gap(first: float = 10, last: float = 20, *, gap_id: str = "g-1") -> Gap:
    return Gap(
        id=gap_id,
        cluster=CLUSTER,
        cluster_uid=CLUSTER_UID,
        resource="pods",
        group="",
        namespace="",
        from_rv="10",
        to_rv="20",
        from_t=at(first),
        to_t=at(last),
        reason="the server no longer has this resourceVersion",
    )


def late(first: float = 10, last: float = 20) -> Late:
    return Late(
        id="l-1",
        cluster=CLUSTER,
        cluster_uid=CLUSTER_UID,
        resource="pods",
        group="",
        namespace="",
        from_t=at(first),
        to_t=at(last),
        reason="read after a reconnect",
        events=3,
    )


def start(second: float = 0) -> Start:
    return Start(cluster=CLUSTER, cluster_uid=CLUSTER_UID, at=at(second), instance="i-1", software="test")


def kinds(second: float = 0) -> Kinds:
    pods = KindInfo(resource="pods", group="", version="v1", kind="Pod", namespaced=True, watching="yes")
    return Kinds(cluster=CLUSTER, cluster_uid=CLUSTER_UID, at=at(second), kinds=[pods])


def remembered(event: Event, *, broken: bool = False, managed: bool = False) -> Remembered:
    """The event as a store gives it back as its life's newest version. `broken`: its state is lost."""
    deleted = event.op == "delete"
    return Remembered(
        kind=event.kind_id,
        namespace=event.namespace,
        name=event.name,
        uid=event.uid,
        epoch=event.epoch,
        seq=event.seq,
        rv=event.rv,
        deleted=deleted,
        hash=event.hash,
        object=bytes(event.object) if event.object is not None and not deleted and not broken else None,
        managed=bytes(event.managed) if managed and event.managed else None,
        ts=event.ts,
    )
