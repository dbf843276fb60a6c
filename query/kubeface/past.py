"""What stood in one cluster at a moment: kinds, objects and Kubernetes Events, for the face of an API server.

An object is given as it was recorded, with its resourceVersion put back. managedFields are recorded on first sight
only, so they are left out. A list's resourceVersion is that of the newest change of its kind at the moment; a watch
goes on from it in the order of resourceVersions.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

import orjson

from query import coverage, cursors, ends, inventory, presence, timeline
from query.coverage import Window
from query.ends import Version
from query.errors import BadCursor, BadReference
from query.kubeface import customcolumns, said
from query.kubeface.columns import Printer
from query.kubeface.fieldselectors import Term, named
from query.kubeface.printers_cluster import CLUSTER, PLAIN
from query.kubeface.printers_pods import PODS
from query.kubeface.printers_workloads import WORKLOADS
from query.kubeface.statuses import Refusal
from query.refs import KnownKind, ObjectRef
from query.scope import CLUSTER_SCOPE, Scope
from query.selectors import Selector
from query.timeline import Found
from query.times import rfc3339
from schema.canonical import JsonObject
from schema.objects import KUBE_EVENTS
from schema.store import Store

PRINTERS: dict[str, Printer] = {**CLUSTER, **WORKLOADS, "pods": PODS}
_CRD = ("customresourcedefinitions", "apiextensions.k8s.io")
_OTHER_CLASS = "Kubernetes Events are a class of their own"


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """One cluster at one moment; `live`: the moment is now and moves on."""

    store: Store
    cluster: str
    at: datetime
    live: bool

    @property
    def moment(self) -> datetime | None:
        """As questions about presence take it: None is now."""
        return None if self.live else self.at


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """A collection, or a part of it. `limit` 0: all of it."""

    kind: KnownKind
    namespace: str = ""
    selector: Selector | None = None
    fields: tuple[Term, ...] = ()
    limit: int = 0
    after: str = ""

    @property
    def scope(self) -> Scope:
        """As questions take it; the selector is judged on the objects."""
        return Scope(
            clusters=(self.kind.cluster,),
            kinds=((self.kind.resource, self.kind.group),),
            namespaces=(self.namespace,) if self.namespace else (),
            name=_plain(named(self.fields)),
        )

    def matches(self, one: JsonObject) -> bool:
        """Whether the selectors take this object."""
        if self.selector is not None and not self.selector.matches(labels(one)):
            return False
        return all(each.matches(one) for each in self.fields)

    @property
    def selective(self) -> bool:
        """Whether objects may be left out, or come and go, by what they hold."""
        return self.selector is not None or bool(self.fields)


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """Objects in the order of their names; `after` is the token of the next page, "" when there is none."""

    items: list[JsonObject]
    version: str
    after: str = ""
    remaining: int = 0


def cluster_named(store: Store, name: str) -> str:
    """The cluster, `_` being the only one that is recorded. Raises BadReference."""
    known = inventory.cluster_names(store)
    if name in known:
        return name
    if name == CLUSTER_SCOPE and len(known) == 1:
        return known[0]
    if name == CLUSTER_SCOPE:
        raise BadReference(
            f"{len(known)} clusters are recorded.",
            f"Name one of them: {', '.join(known) or 'start with kubelapse up'}.",
        )
    raise BadReference(f"No cluster {name[:100]!r} is recorded.", f"There are {', '.join(known) or 'none'}.")


def kinds(view: View) -> list[KnownKind]:
    """What the cluster served at the moment, watched or not; before any record, what it served first."""
    sql = """
        SELECT cluster, resource, `group`, version, kind, namespaced, singular, short_names, categories, watching,
            reason, since
        FROM kinds WHERE cluster = {cluster:String} ORDER BY resource, `group`, since"""
    rows = view.store.rows(sql, {"cluster": view.cluster})
    start = min((row[-1] for row in rows), default=view.at)
    until = max(view.at, start)
    newest = {(row[1], row[2]): row[:-1] for row in rows if row[-1] <= until}
    found = (
        KnownKind(
            cluster=str(row[0]), resource=str(row[1]), group=str(row[2]), version=str(row[3]), kind=str(row[4]),
            namespaced=bool(row[5]), singular=str(row[6]), short_names=tuple(row[7]), categories=tuple(row[8]),
            watching=str(row[9]), reason=str(row[10]),
        )
        for row in newest.values()
    )  # fmt: skip
    return [each for each in found if each.watching != "gone"]


def kind_of(view: View, group: str, version: str, resource: str) -> KnownKind:
    """The kind behind a path. Raises Refusal: not served then, or not recorded."""
    found = next((each for each in kinds(view) if (each.group, each.resource) == (group, resource)), None)
    if found is None or found.version != version:
        raise Refusal("NotFound", "the server could not find the requested resource", details={})
    if found.watching != "yes":
        reason = f": {found.reason}" if found.reason else ""
        raise Refusal(
            "Forbidden",
            f"{found.id} is not recorded ({found.watching}{reason}), so nobody can say what there was",
            details={"kind": resource, "group": group},
        )
    return found


def listing(view: View, ask: Ask) -> Listed:
    """The collection at the moment. Raises BadCursor, QueryError."""
    if ask.kind.id in KUBE_EVENTS:
        events = [each for each in said.at(view.store, view.cluster, view.at, ask.namespace) if ask.matches(each)]
        return Listed(
            items=[shaped(each, ask.kind) for each in events], version=said.version(view.store, view.cluster, view.at)
        )
    version = list_version(view, ask.kind)
    if ask.limit and not ask.selective:
        return _page(view, ask, version)
    found = presence.present(view.store, ask.scope, view.moment)
    items = [
        _object(each.state, each.version.rv) for _, each in sorted(found.items(), key=lambda item: _order(item[0]))
    ]
    return Listed(items=[each for each in items if ask.matches(each)], version=version)


def one(view: View, kind: KnownKind, namespace: str, name: str) -> JsonObject:
    """One object at the moment. Raises Refusal, which says why there is none."""
    if kind.id in KUBE_EVENTS:
        events = said.at(view.store, view.cluster, view.at, namespace)
        event = next((each for each in events if _name(each) == name), None)
        if event is None:
            raise missing(kind, name)
        return shaped(event, kind)
    ref = ObjectRef(cluster=view.cluster, resource=kind.resource, group=kind.group, namespace=namespace, name=name)
    outcome = timeline.state_at(view.store, ref, view.at, now=view.at)
    if not isinstance(outcome, Found):
        raise missing(kind, name, why=_why(outcome))
    return _object(bytes(outcome.event.object or b"{}"), outcome.event.rv)


def _why(outcome: timeline.Outcome) -> str:
    match outcome:
        case timeline.Deleted(deleted_at=when):
            return f"it was deleted at {rfc3339(when)}"
        case timeline.NotYet(created_at=when):
            return f"it was created later, at {rfc3339(when)}"
        case timeline.NotRecorded(watched_since=when):
            return f"not recorded then; known since {rfc3339(when)}" if when else "it was never watched"
        case timeline.BeforeHorizon(horizon=when):
            return f"history begins at {rfc3339(when)}"
    return ""


def missing(kind: KnownKind, name: str, *, why: str = "") -> Refusal:
    """As the API server says it, with the reason that only history knows."""
    message = f'{kind.id} "{name[:253]}" not found{f" ({why})" if why else ""}'
    return Refusal("NotFound", message, details={"name": name[:253], "group": kind.group, "kind": kind.resource})


def _page(view: View, ask: Ask, version: str) -> Listed:
    """A part of a collection; the pages that follow are of the first one's moment."""
    at, after = _continued(ask.after) if ask.after else (view.at, None)
    versions = sorted(ends.alive(view.store, ask.scope, at), key=lambda each: _order(each.ref))
    rest = [each for each in versions if after is None or _order(each.ref) > after]
    chosen = rest[: ask.limit]
    states = ends.states(view.store, chosen)
    more = len(rest) - len(chosen)
    return Listed(
        items=[_object(states[each], each.rv) for each in chosen],
        version=version,
        after=_token(at, chosen[-1]) if more else "",
        remaining=more,
    )


def _token(at: datetime, last: Version) -> str:
    return cursors.write("kube", [rfc3339(at), last.ref.namespace, last.ref.name])


def _continued(token: str) -> tuple[datetime, tuple[str, str]]:
    at, namespace, name = cursors.read("kube", token, length=3)
    if not isinstance(at, str) or not isinstance(namespace, str) or not isinstance(name, str):
        raise BadCursor("The continue token was not given out here.", "Start again without it.")
    return datetime.fromisoformat(at), (namespace, name)


def list_version(view: View, kind: KnownKind) -> str:
    """The resourceVersion of the kind's newest change at the moment."""
    sql = """
        SELECT max(rv_order) FROM changes
        WHERE cluster = {cluster:String} AND resource = {resource:String} AND `group` = {group:String}
          AND ts <= {until:DateTime64(6, 'UTC')}"""
    params: dict[str, object] = {"cluster": view.cluster, "resource": kind.resource, "group": kind.group}
    newest: int = view.store.rows(sql, {**params, "until": view.at})[0][0]
    return str(max(newest, 1))  # 0 means "any" to who asks


def printer(view: View, kind: KnownKind) -> Printer:
    """The columns of a kind; a custom one's definition is read as it stood at the moment."""
    if (known := PRINTERS.get("events" if kind.id in KUBE_EVENTS else kind.id)) is not None:
        return known
    if "." not in kind.group:
        return PLAIN
    ref = ObjectRef(cluster=view.cluster, resource=_CRD[0], group=_CRD[1], namespace="", name=kind.id)
    outcome = timeline.state_at(view.store, ref, view.at, now=view.at)
    if not isinstance(outcome, Found):
        return PLAIN
    definition: JsonObject = orjson.loads(bytes(outcome.event.object or b"{}"))
    return customcolumns.of_definition(definition, kind.version) or PLAIN


def warnings(view: View, ask: Ask, until: datetime | None = None) -> list[str]:
    """What is not known of the collection, in sentences; `until`: of the time from the moment up to there."""
    window = Window(after=view.at, until=until or view.at, open_end=view.live or until is not None)
    found = coverage.assess(view.store, ask.scope, window)
    return [each for each in found.why if not each.startswith(_OTHER_CLASS)]


def labels(document: JsonObject) -> dict[str, str]:
    """An object's labels."""
    metadata = document.get("metadata")
    found = metadata.get("labels") if isinstance(metadata, dict) else None
    return {key: value for key, value in found.items() if isinstance(value, str)} if isinstance(found, dict) else {}


def shaped(event: JsonObject, kind: KnownKind) -> JsonObject:
    """A Kubernetes Event as the API that is asked has it."""
    return said.in_new_api(event) if kind.group else event


def _object(state: bytes, rv: str) -> JsonObject:
    document: JsonObject = orjson.loads(state)
    return with_version(document, rv)


def with_version(document: JsonObject, rv: str) -> JsonObject:
    """The same object with its resourceVersion, which states are kept without."""
    metadata = document.get("metadata")
    if isinstance(metadata, dict):
        metadata["resourceVersion"] = rv
    return document


def _order(ref: ObjectRef) -> tuple[str, str]:
    return ref.namespace, ref.name


def _name(document: JsonObject) -> str:
    metadata = document.get("metadata")
    return str(metadata.get("name")) if isinstance(metadata, dict) else ""


def _plain(name: str) -> str:
    """A name as a filter; one with a star would be a pattern."""
    return "" if "*" in name else name


def groups(found: Iterable[KnownKind]) -> dict[str, dict[str, list[KnownKind]]]:
    """group → version → kinds, in the order in which an ambiguous name is resolved."""
    ordered: dict[str, dict[str, list[KnownKind]]] = {}
    for each in sorted(found, key=_preference):
        ordered.setdefault(each.group, {}).setdefault(each.version, []).append(each)
    return ordered


def _preference(kind: KnownKind) -> tuple[int, str, str]:
    group = kind.group
    rank = (
        0 if not group else 1 if group == "apps" else 2 if "." not in group else 3 if group.endswith(".k8s.io") else 4
    )
    return rank, group, kind.resource
