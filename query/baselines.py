"""From the words of a baseline to what is expected of each object.

time:T  pin:NAME                 the scope as it was at that moment; what was not there then is extra
last-applied                     what `kubectl apply` wrote into each object's annotation
cluster:NAME  namespace:NS       the same scope elsewhere, as it is at the moment asked for
manifests, template              documents that came with the question: nothing here reads files
helm-release:NAME                Helm's own record, where it is not kept in a Secret
stored:NAME                      one of the above, kept under a name
"""

import base64
import binascii
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from fnmatch import fnmatchcase
from typing import Final, Literal

import orjson
import yaml

from query import inventory, userdata
from query.errors import BadReference
from query.manifests import LAST_APPLIED, flattened, without_secrets
from query.models_drift import NotCompared
from query.presence import Present, present
from query.refs import KnownKind, ObjectRef, known_kinds, resolve_kinds
from query.scope import CLUSTER_SCOPE, Scope
from query.selectors import parse as parse_selector
from query.times import instant, zone
from schema.canonical import Json, JsonObject, Unserialisable, canonical
from schema.store import Store

_WORDS: Final = "pin:NAME, time:T, last-applied, cluster:NAME, namespace:NS, helm-release:NAME or stored:NAME"
_LARGEST_RELEASE: Final = 32 << 20

Sort = Literal["moment", "documents", "peer"]


class UnknownBaseline(BadReference):
    """The baseline is none of those that exist."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Baseline:
    """What is expected, by the object that should be so.

    `whole`: every field counts; `covers`: it says what there should be, so that anything else is extra. `floor`: it is
    the history up to here. `scope`: what is looked at. `other`: the expected states of peers, by object, from `there`.
    """

    sort: Sort
    told: str
    scope: Scope
    documents: dict[ObjectRef, JsonObject]
    whole: bool = False
    covers: bool = False
    template: bool = False
    floor: datetime | None = None
    source: str = ""
    there: Scope | None = None
    other: dict[ObjectRef, Present] = field(default_factory=dict)
    not_compared: list[NotCompared] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What a baseline is made from. `default_namespace`: for documents that name none."""

    words: str
    scope: Scope
    known: Sequence[KnownKind]
    at: datetime
    open_end: bool
    now: datetime
    tz: str = "UTC"
    manifests: Sequence[Json] | None = None
    template: Sequence[Json] | None = None
    default_namespace: str = "default"
    source: str = ""


def resolve(store: Store, asked: Question) -> Baseline:
    """Raises UnknownBaseline, BadReference, BadTime, UnknownName."""
    if asked.manifests is not None or asked.template is not None:
        if asked.words:
            raise BadReference("Both a baseline and documents are given.", "Give one of them.")
        return _documents(store, asked)
    sort, _, value = asked.words.partition(":")
    if sort == "stored":
        return _stored(store, asked, value)
    if sort == "last-applied" and not value:
        return _last_applied(store, asked)
    if sort == "helm-release" and value:
        return _release(store, asked, value)
    if sort in ("time", "pin") and value:
        tz = zone(asked.tz)
        moment = userdata.pin(store, value).at if sort == "pin" else instant(value, now=asked.now, tz=tz)
        return _moment(store, asked, moment)
    if sort in ("cluster", "namespace") and value:
        return _peer(store, asked, sort, value)
    raise UnknownBaseline(
        f"{asked.words[:80]!r} is no baseline.", f"Write {_WORDS}; files are read by kubelapse drift."
    )


def _stored(store: Store, asked: Question, name: str) -> Baseline:
    found, content = userdata.baseline(store, name)
    kept = scope_of(store, content.scope)
    again = replace(
        asked,
        words="",
        source=found.source,
        scope=kept if asked.scope in (Scope(), Scope(clusters=kept.clusters)) else asked.scope,
        default_namespace=content.scope.get("namespace") or asked.default_namespace,
    )
    if content.sort == "manifests":
        made = _documents(store, replace(again, manifests=content.documents))
    elif content.sort == "template":
        made = _documents(store, replace(again, template=content.documents))
    else:
        words = f"{content.sort}:{content.value}" if content.value else content.sort
        made = resolve(store, replace(again, words=words))
    return replace(made, told=f"stored:{name}", source=found.source)


def scope_of(store: Store, words: Mapping[str, str]) -> Scope:
    """The scope of a stored baseline, as it was written. Raises QueryErrors."""
    clusters = (words["cluster"],) if words.get("cluster") else ()
    kinds = resolve_kinds(words["kind"], known_kinds(store, clusters)) if words.get("kind") else ()
    return Scope(
        clusters=clusters,
        namespaces=tuple(each for each in words.get("namespace", "").split(",") if each),
        kinds=kinds,
        name=words.get("name", ""),
        selector=parse_selector(words["selector"]) if words.get("selector") else None,
    )


# ---- moments and peers -----------------------------------------------------------------------------------------------


def _moment(store: Store, asked: Question, moment: datetime) -> Baseline:
    if moment > asked.at:
        raise BadReference(
            "The baseline is later than the moment that is compared with it.", "Give an earlier one, or a later --at."
        )
    found = present(store, asked.scope, moment)
    documents = {ref: orjson.loads(each.state) for ref, each in found.items()}
    return Baseline(
        sort="moment",
        told=asked.words,
        scope=asked.scope,
        documents=documents,
        whole=True,
        covers=True,
        floor=moment,
        source=asked.source,
    )


def _peer(store: Store, asked: Question, sort: str, value: str) -> Baseline:
    """Objects are matched by kind and name, and namespace between clusters."""
    clusters = asked.scope.clusters or tuple(inventory.cluster_names(store))
    if len(clusters) != 1:
        raise BadReference(
            f"Which cluster is to be compared? {len(clusters)} are meant.", "Name one with `cluster` (--cluster)."
        )
    here = replace(asked.scope, clusters=clusters)
    if sort == "cluster":
        if value not in inventory.cluster_names(store):
            raise UnknownBaseline(f"No cluster {value[:80]!r} is recorded.", "GET /api/v1/clusters lists them.")
        there = replace(here, clusters=(value,))
    else:
        namespaces = [each for each in here.namespaces if each != CLUSTER_SCOPE]
        if len(namespaces) != 1:
            raise BadReference(
                f"Which namespace is to be compared with {value[:80]!r}?", "Name one with `namespace` (-n)."
            )
        here = replace(here, namespaces=(namespaces[0],))
        there = replace(here, namespaces=(value,))
        if not present(store, Scope(clusters=clusters, namespaces=(value,)), None if asked.open_end else asked.at):
            raise UnknownBaseline(
                f"Nothing is recorded in a namespace {value[:80]!r}.", "GET /api/v1/namespaces lists them."
            )
    if here == there:
        raise BadReference("Both sides are the same place.", "Name another.")
    found = present(store, there, None if asked.open_end else asked.at)
    other = {_moved(ref, here, sort): each for ref, each in found.items()}
    documents = {ref: _elsewhere(orjson.loads(each.state), sort) for ref, each in other.items()}
    return Baseline(
        sort="peer",
        told=asked.words,
        scope=here,
        documents=documents,
        whole=True,
        covers=True,
        source=asked.source,
        there=there,
        other=other,
    )


def _moved(ref: ObjectRef, here: Scope, sort: str) -> ObjectRef:
    if sort == "cluster":
        return replace(ref, cluster=here.clusters[0])
    return replace(ref, namespace=here.namespaces[0])


def _elsewhere(document: JsonObject, sort: str) -> JsonObject:
    """Without the name of the other namespace."""
    metadata = document.get("metadata")
    if sort == "namespace" and isinstance(metadata, dict):
        metadata.pop("namespace", None)
    return document


# ---- documents -------------------------------------------------------------------------------------------------------


def _last_applied(store: Store, asked: Question) -> Baseline:
    found = present(store, asked.scope, None if asked.open_end else asked.at)
    documents: dict[ObjectRef, JsonObject] = {}
    refused: list[NotCompared] = []
    for ref, each in found.items():
        if LAST_APPLIED.encode() not in each.state:
            continue
        metadata = orjson.loads(each.state).get("metadata") or {}
        text = (metadata.get("annotations") or {}).get(LAST_APPLIED)
        try:
            document = orjson.loads(text) if isinstance(text, str) else None
        except orjson.JSONDecodeError:
            document = None
        if isinstance(document, dict):
            documents[ref] = without_secrets(document)
        else:
            refused.append(NotCompared(what=str(ref), reason="its last-applied annotation holds no JSON object"))
    return Baseline(sort="documents", told="last-applied", scope=asked.scope, documents=documents, not_compared=refused)


def _documents(store: Store, asked: Question) -> Baseline:
    """Manifests, or a template, of the question itself."""
    template = asked.manifests is None
    listed = flattened(list((asked.template if template else asked.manifests) or ()))
    if not listed:
        raise BadReference("There is nothing in the manifests.", "Give at least one object.")
    clusters = asked.scope.clusters or tuple(inventory.cluster_names(store))
    if len(clusters) != 1:
        raise BadReference(
            f"To which cluster do the manifests belong? {len(clusters)} are recorded.",
            "Name one with `cluster` (--cluster).",
        )
    made = Baseline(
        sort="documents",
        told="template" if template else "manifests",
        scope=replace(asked.scope, clusters=clusters),
        documents={},
        template=template,
        source=asked.source,
    )
    kinds = {(each.group, each.kind): each for each in asked.known if each.cluster == clusters[0]}
    for number, document in enumerate(listed, 1):
        _place(store, made, document, number, kinds, asked)
    return made


def _place(
    store: Store,
    made: Baseline,
    document: JsonObject,
    number: int,
    kinds: Mapping[tuple[str, str], KnownKind],
    asked: Question,
) -> None:
    """Put one document where it belongs, or say why it belongs nowhere."""
    kind, version = str(document["kind"]), document.get("apiVersion")
    metadata = document.get("metadata")
    name = metadata.get("name") if isinstance(metadata, dict) else None
    what = f"{kind}/{name or ''} (document {number})"
    try:
        canonical(document)
    except Unserialisable as error:
        raise BadReference(f"{what} is no JSON: {error}.", "Mend it.") from None
    if not isinstance(version, str) or not isinstance(metadata, dict):
        raise BadReference(f"{what} has no apiVersion or no metadata.", "Each document needs them.")
    if not isinstance(name, str) or not name:
        made.not_compared.append(NotCompared(what=what, reason="it has no name: the server generates one"))
        return
    group = version.rpartition("/")[0]
    known = kinds.get((group, kind))
    if known is None:
        there = "in this cluster nothing of this kind is known"
        made.not_compared.append(NotCompared(what=what, reason=f"{there}: {kind} of {version}"))
        return
    if known.watching != "yes":
        reason = f"{known.id} is not watched ({known.watching}): {known.reason}".rstrip(": ")
        made.not_compared.append(NotCompared(what=what, reason=reason))
        return
    namespace = str(metadata.get("namespace") or asked.default_namespace) if known.namespaced else ""
    ref = ObjectRef(
        cluster=made.scope.clusters[0], resource=known.resource, group=group, namespace=namespace, name=name
    )
    safe = _named(without_secrets(document), namespace)
    if made.template:
        _spread(store, made, ref, safe, explicit="namespace" in metadata, asked=asked)
    else:
        made.documents[ref] = safe


def _spread(
    store: Store, made: Baseline, ref: ObjectRef, document: JsonObject, *, explicit: bool, asked: Question
) -> None:
    """A template speaks of every object that its name and namespace (`*` matches anything) fit."""
    namespaces = () if not explicit or "*" in ref.namespace else (ref.namespace,)
    scope = Scope(
        clusters=made.scope.clusters,
        namespaces=namespaces or made.scope.namespaces,
        kinds=((ref.resource, ref.group),),
        name=ref.name,
        selector=made.scope.selector,
    )
    body = dict(document)
    metadata = document.get("metadata")
    body["metadata"] = (
        {k: v for k, v in metadata.items() if k not in ("name", "namespace")} if isinstance(metadata, dict) else {}
    )
    found = present(store, scope, None if asked.open_end else asked.at)
    fits = [each for each in found if not explicit or not ref.namespace or fnmatchcase(each.namespace, ref.namespace)]
    for each in fits:
        made.documents[each] = body
    if not fits and "*" not in ref.name and "*" not in ref.namespace:
        made.documents[ref] = body
    elif not fits:
        made.not_compared.append(NotCompared(what=str(ref), reason="nothing that it fits is there"))


def _named(document: JsonObject, namespace: str) -> JsonObject:
    metadata = document.get("metadata")
    if not namespace or not isinstance(metadata, dict):
        return document
    return {**document, "metadata": {**metadata, "namespace": namespace}}


# ---- Helm's record ---------------------------------------------------------------------------------------------------


def _release(store: Store, asked: Question, name: str) -> Baseline:
    """The newest deployed revision of a release, where HELM_DRIVER=configmap keeps it readable (helm pkg/storage)."""
    scope = replace(asked.scope, kinds=(("configmaps", ""),), name=f"sh.helm.release.v1.{name}.v*", selector=None)
    found = present(store, scope, None if asked.open_end else asked.at)
    deployed = [each for each in map(_labelled, found.values()) if each is not None]
    if not deployed:
        raise BadReference(
            f"No record of a release {name[:80]!r} can be read: Helm keeps releases in Secrets, and the values of "
            "Secrets are never recorded.",
            f"Let Helm tell it: helm get manifest {name[:80]} | kubelapse drift --baseline file:-",
        )
    _, text = max(deployed)
    try:
        packed = zlib.decompressobj(wbits=47)
        release = orjson.loads(packed.decompress(base64.b64decode(text), _LARGEST_RELEASE))
        documents = [each for each in yaml.safe_load_all(str(release["manifest"])) if each]
    except (binascii.Error, zlib.error, orjson.JSONDecodeError, yaml.YAMLError, KeyError, TypeError) as error:
        raise BadReference(
            f"The record of the release {name[:80]!r} cannot be read.", "Use helm get manifest."
        ) from error
    namespace = str(release.get("namespace") or asked.default_namespace)
    made = _documents(store, replace(asked, words="", manifests=documents, default_namespace=namespace))
    return replace(made, told=f"helm-release:{name}", source=f"revision {release.get('version')}")


def _labelled(each: Present) -> tuple[int, str] | None:
    """(revision, packed release) of a record that is deployed."""
    document = orjson.loads(each.state)
    labels = (document.get("metadata") or {}).get("labels") or {}
    text = (document.get("data") or {}).get("release")
    if labels.get("status") != "deployed" or not isinstance(text, str):
        return None
    return int(str(labels.get("version") or "0")), text
