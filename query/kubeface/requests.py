"""What a Kubernetes client asks for: the URL's path and parameters as data."""

from collections.abc import Mapping
from dataclasses import dataclass

from query.kubeface.statuses import Refusal
from query.kubeface.tables import Included

_INCLUDED: Mapping[str, Included] = {"Metadata": "Metadata", "Object": "Object", "None": "None"}
_LONGEST = 3600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A collection, or with a name one object, or with a part something of it."""

    group: str
    version: str
    resource: str
    namespace: str = ""
    name: str = ""
    part: str = ""


def target(path: str) -> Target | None:
    """Of a path such as `apis/apps/v1/namespaces/shop/deployments/web`; None when it is none."""
    parts = [each for each in path.split("/") if each]
    if parts[:1] == ["api"] and len(parts) >= 3:
        group, version, rest = "", parts[1], parts[2:]
    elif parts[:1] == ["apis"] and len(parts) >= 4:
        group, version, rest = parts[1], parts[2], parts[3:]
    else:
        return None
    namespace = ""
    # `namespaces/shop` and `namespaces/shop/status` are about the namespace, longer paths about what is in it.
    if rest[0] == "namespaces" and len(rest) >= 3 and not (len(rest) == 3 and rest[2] in ("status", "finalize")):
        namespace, rest = rest[1], rest[2:]
    if len(rest) > 3:
        return None
    resource, name, part = [*rest, "", ""][:3]
    return Target(group=group, version=version, resource=resource, namespace=namespace, name=name, part=part)


@dataclass(frozen=True, slots=True, kw_only=True)
class Params:
    """Query parameters of a list or a watch."""

    labels: str
    fields: str
    limit: int
    after: str
    version: str
    watch: bool
    bookmarks: bool
    initial: bool
    timeout: float
    include: Included


def params(query: Mapping[str, str]) -> Params:
    """Raises Refusal for numbers that are none."""
    return Params(
        labels=query.get("labelSelector", ""),
        fields=query.get("fieldSelector", ""),
        limit=_number(query, "limit"),
        after=query.get("continue", ""),
        version=query.get("resourceVersion", ""),
        watch=query.get("watch", "") in ("true", "1"),
        bookmarks=query.get("allowWatchBookmarks", "") in ("true", "1"),
        initial=query.get("sendInitialEvents", "") in ("true", "1"),
        timeout=min(float(_number(query, "timeoutSeconds") or _LONGEST), _LONGEST),
        include=_INCLUDED.get(query.get("includeObject", ""), "Metadata"),
    )


def version(spelled: str) -> int:
    """A resourceVersion to go on from; 0 for any. Raises Refusal."""
    if not spelled:
        return 0
    if not (spelled.isascii() and spelled.isdigit() and int(spelled) < 2**64):
        raise Refusal("BadRequest", f"resourceVersion {spelled[:40]!r} is no number")
    return int(spelled)


@dataclass(frozen=True, slots=True)
class Accepted:
    """The form that a client takes first: `kind` is `as=`, `version` is `v=`."""

    kind: str
    version: str


def accepted(header: str) -> Accepted:
    """The first JSON form of an Accept header that this server has."""
    for choice in header.split(","):
        media, *rest = (each.strip() for each in choice.split(";"))
        if media not in ("application/json", "*/*", "application/*"):
            continue
        given = dict(each.split("=", 1) for each in rest if "=" in each)
        known = {"Table": "v1", "PartialObjectMetadata": "v1", "PartialObjectMetadataList": "v1"}
        kind, its_version = given.get("as", ""), given.get("v", "")
        if (
            not kind
            or known.get(kind) == its_version
            or (kind == "APIGroupDiscoveryList" and its_version in _DISCOVERED)
        ):
            return Accepted(kind, its_version)
    return Accepted("", "")


_DISCOVERED = ("v2", "v2beta1")


def _number(query: Mapping[str, str], name: str) -> int:
    text = query.get(name, "")
    if text and not (text.isascii() and text.isdigit() and len(text) < 10):
        raise Refusal("BadRequest", f"{name} {text[:40]!r} is no number")
    return int(text or 0)
