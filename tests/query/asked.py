"""Every question that can be asked, filled in with the names of one place: for tests and benchmarks of access.

Routes come from the OpenAPI document, views from the door of SQL: what is added there is asked too. A parameter that is
not known here fails until it is.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from fastapi import FastAPI

from schema.sandbox import VIEWS

WINDOW: Final = {"from": "2026-03-01T12:00:00Z", "to": "2026-03-01T12:16:40Z"}
QUERY: Final = {**WINDOW, "noise": "off", "first_sight": "on"}
STREAMS: Final = {"/api/v1/feed"}
"""End with the server only; asked by themselves."""
READ_POSTS: Final = {"/api/v1/drift", "/api/v1/objects/{cluster}/{kind}/{namespace}/{name}/drift", "/api/v1/sql"}
"""Questions that are asked with a body."""
WRITES: Final = {"/api/v1/notes", "/api/v1/audit-log", "/api/v1/webhooks/{name}/replay"}
"""Take something; who sees a part is refused by the store."""
SIGN_IN_POSTS: Final = {"/auth/token", "/auth/logout"}
FOR_EVERYBODY: Final = {"/api/v1/whoami", "/auth/login", "/auth/callback"}
"""Tell nothing of the history, to whomever."""
BODIES: Final[Mapping[str, Any]] = {
    "/api/v1/sql": {"query": "SELECT count() AS n, max(name) AS last, uniqExact(namespace) AS spaces FROM changes"},
}
PLAIN: Final = "/plain?from=2026-03-01T12:00:00Z&to=2026-03-01T12:16:40Z"
FACE: Final = "/kube/{cluster}/2026-03-01T12:16:00Z"
BESIDE: Final = (
    PLAIN,
    f"{FACE}/api/v1/configmaps",
    f"{FACE}/api/v1/namespaces/{{namespace}}/configmaps/{{name}}",
    f"{FACE}/api/v1/namespaces/{{namespace}}/configmaps",
    f"{FACE}/api/v1/namespaces/{{namespace}}/configmaps?limit=1",
    f"{FACE}/api/v1/namespaces/{{namespace}}/events",
    f"{FACE}/api/v1/namespaces/{{namespace}}",
)
"""What the document does not know: the plain page, the face of an API server."""
WATCH: Final = f"{FACE}/api/v1/namespaces/{{namespace}}/configmaps?watch=true&timeoutSeconds=1"


@dataclass(frozen=True, kw_only=True)
class Place:
    """What parameters are filled in with. `word`: stands in its objects; `by`: who wrote them."""

    cluster: str
    namespace: str
    name: str
    uid: str
    event: str
    kind: str = "configmaps"
    word: str = "web:1"
    by: str = "helm"

    @property
    def path(self) -> dict[str, str]:
        """By the names of parameters."""
        return {
            "cluster": self.cluster, "kind": self.kind, "namespace": self.namespace, "name": self.name,
            "identity": self.event, "uid": self.uid, "epoch": "1772366400000", "seq": "1", "at": "now",
        }  # fmt: skip


def operations(app: FastAPI) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
    """Every question that the document knows: method, path, its description."""
    paths = app.openapi()["paths"]
    assert {path for path, methods in paths.items() if "post" in methods} == READ_POSTS | WRITES | SIGN_IN_POSTS
    for path, methods in paths.items():
        for method, operation in methods.items():
            if path not in STREAMS and (method == "get" or path in READ_POSTS):
                yield method, path, operation


def takes(operation: Mapping[str, Any]) -> set[str]:
    """Names of the parameters of its query."""
    return {each["name"] for each in operation.get("parameters", []) if each["in"] == "query"}


def spelled(
    path: str, operation: Mapping[str, Any], place: Place, scope: Mapping[str, str]
) -> tuple[str, dict[str, str]]:
    """The URL and its parameters."""
    query = dict(scope)
    for each in operation.get("parameters", []):
        if each["in"] == "query":
            query |= {each["name"]: QUERY[each["name"]]} if each["name"] in QUERY else {}
            query |= {each["name"]: place.path[each["name"]]} if each.get("required") else {}
    if path == "/api/v1/search":
        query["value"] = place.word
    return path.format_map(place.path), query


def statements() -> Iterator[str]:
    """SQL about one place, {ns:String}, {name:String}, {uid:String} and {word:String}, of every view."""
    for view in VIEWS:
        source = "states_at('now')" if view == "states_at" else view
        last = {"history": "count()", "coverage": "max(to_t)", "drift": "max(begun)"}.get(view, "count()")
        yield f"SELECT {last} FROM {source} WHERE namespace = {{ns:String}}"
        if view != "coverage":
            yield f"SELECT {last} FROM {source} WHERE name = {{name:String}}"
    yield "SELECT uid, max(ts) FROM history WHERE uid = {uid:String} GROUP BY uid"
    yield "SELECT count() FROM history WHERE position(ifNull(object, ''), {word:String}) > 0"
    yield "SELECT count() FROM field_changes WHERE position(ifNull(after, ''), {word:String}) > 0"
    yield "SELECT name FROM states_at('now') WHERE position(ifNull(object, ''), {word:String}) > 0"
