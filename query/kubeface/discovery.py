"""What the server says it serves, in the three forms in which clients ask: group by group, aggregated, and OpenAPI.

Kinds that were served and not recorded are listed without verbs: kubectl then knows the name, and the answer to asking
for it says that it is not recorded. Beside the kinds there is what clients ask about themselves (`reviews`).
"""

from collections.abc import Iterable

from query.kubeface.past import groups
from query.kubeface.rights import READ, REVIEWS
from query.refs import KnownKind
from schema.canonical import Json, JsonObject

Groups = dict[str, dict[str, list[KnownKind]]]


def served(kinds: Iterable[KnownKind], cluster: str) -> Groups:
    """group → version → kinds, with the reviews of oneself."""
    found = groups(kinds)
    found.setdefault("", {}).setdefault("v1", [])
    for group, resource, kind in REVIEWS:
        known = found.setdefault(group, {}).setdefault("v1", [])
        if not any(each.resource == resource for each in known):
            known.append(
                KnownKind(
                    cluster=cluster,
                    resource=resource,
                    group=group,
                    version="v1",
                    kind=kind,
                    namespaced=False,
                    singular=kind.lower(),
                    watching="review",
                )
            )
    return found


def verbs(kind: KnownKind) -> list[Json]:
    """What may be asked of it."""
    if any((kind.group, kind.resource) == each[:2] for each in REVIEWS):
        return ["create"]
    return list(READ) if kind.watching == "yes" else []


def core_versions(host: str) -> JsonObject:
    """/api."""
    address: JsonObject = {"clientCIDR": "0.0.0.0/0", "serverAddress": host}
    return {"kind": "APIVersions", "versions": ["v1"], "serverAddressByClientCIDRs": [address]}


def group_list(found: Groups) -> JsonObject:
    """/apis."""
    return {"kind": "APIGroupList", "apiVersion": "v1", "groups": [group(found, name) for name in found if name]}


def group(found: Groups, name: str) -> JsonObject:
    """/apis/GROUP, and an item of /apis."""
    versions: list[Json] = [{"groupVersion": f"{name}/{each}", "version": each} for each in found[name]]
    return {
        "kind": "APIGroup",
        "apiVersion": "v1",
        "name": name,
        "versions": versions,
        "preferredVersion": versions[0],
    }


def resource_list(kinds: Iterable[KnownKind], group_version: str) -> JsonObject:
    """/api/v1, /apis/GROUP/VERSION."""
    resources: list[Json] = [_resource(each) for each in kinds]
    return {"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": group_version, "resources": resources}


def _resource(each: KnownKind) -> JsonObject:
    one: JsonObject = {
        "name": each.resource,
        "singularName": each.singular or each.kind.lower(),
        "namespaced": each.namespaced,
        "kind": each.kind,
        "verbs": verbs(each),
    }
    if each.short_names:
        one["shortNames"] = list(each.short_names)
    if each.categories:
        one["categories"] = list(each.categories)
    return one


def aggregated(found: Groups, *, core: bool, version: str) -> JsonObject:
    """Everything of /api or of /apis in one answer (apidiscovery.k8s.io)."""
    items: list[Json] = [_aggregated(name, found[name]) for name in found if (not name) == core]
    return {
        "kind": "APIGroupDiscoveryList",
        "apiVersion": f"apidiscovery.k8s.io/{version}",
        "metadata": {},
        "items": items,
    }


def _aggregated(name: str, versions: dict[str, list[KnownKind]]) -> JsonObject:
    listed: list[Json] = [
        {"version": version, "freshness": "Current", "resources": [_discovered(each) for each in kinds]}
        for version, kinds in versions.items()
    ]
    metadata: JsonObject = {"name": name} if name else {}
    return {"metadata": metadata, "versions": listed}


def _discovered(each: KnownKind) -> JsonObject:
    one: JsonObject = {
        "resource": each.resource,
        "responseKind": {"group": each.group, "version": each.version, "kind": each.kind},
        "scope": "Namespaced" if each.namespaced else "Cluster",
        "singularResource": each.singular or each.kind.lower(),
        "verbs": verbs(each),
    }
    if each.short_names:
        one["shortNames"] = list(each.short_names)
    if each.categories:
        one["categories"] = list(each.categories)
    return one


def paths(found: Groups) -> JsonObject:
    """/: what there is to ask for."""
    versions = [f"/apis/{name}/{version}" if name else f"/api/{version}" for name in found for version in found[name]]
    listed: list[Json] = ["/api", "/apis", "/version", "/openapi/v2", "/openapi/v3", *sorted(versions)]
    return {"paths": listed}


def version(software: str) -> JsonObject:
    """/version. The minor version is the one whose forms are spoken here, not the recorded cluster's."""
    return {
        "major": "1",
        "minor": "32",
        "gitVersion": f"v1.32.0+kubelapse.{software}",
        "gitCommit": "",
        "gitTreeState": "clean",
        "buildDate": "1970-01-01T00:00:00Z",
        "goVersion": "",
        "compiler": "",
        "platform": "history",
    }


SWAGGER: JsonObject = {"swagger": "2.0", "info": {"title": "Kubelapse", "version": "history"}, "paths": {}}
"""/openapi/v2: no schemas. kubectl then relies on those it carries itself."""

SWAGGER_PROTOBUF = b"\x0a\x032.0"
"""The same in the form that kubectl prefers: openapi.v2.Document with `swagger` only (gnostic OpenAPIv2.proto)."""
