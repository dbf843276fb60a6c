"""The OpenAPI document: routes and parameters come from FastAPI, the shapes of answers from the Structs themselves."""

from typing import Any

import msgspec
from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from query.api_webhooks import DeadLetters, Receivers
from query.feeds_read import FeedChange, Notice
from query.kubeevents import SaidAbout
from query.models import (
    ChangePage,
    Clusters,
    CoverageReport,
    History,
    Kinds,
    Namespaces,
    ObjectAt,
    ObjectDiff,
    Objects,
    Problem,
    WholeChange,
)
from query.models_compared import Blame, SnapshotDiff
from query.models_drift import Drift
from query.models_noise import Noise
from query.models_people import AuditTaken, WhoAmI
from query.models_rollouts import Rollouts
from query.models_search import FieldHistory, Found, Touches
from query.models_sql import SqlSchema
from query.models_userdata import (
    Annotations,
    DriftTimeline,
    Pin,
    Pins,
    Saved,
    SavedQuestions,
    StoredBaseline,
    StoredBaselines,
)
from query.timeline_view import TimelineView

_ONE = "/api/v1/objects/{cluster}/{kind}/{namespace}/{name}"
_ANSWERS: dict[str, type] = {
    "/api/v1/clusters": Clusters,
    "/api/v1/kinds": Kinds,
    "/api/v1/namespaces": Namespaces,
    "/api/v1/objects": Objects,
    "/api/v1/changes": ChangePage,
    "/api/v1/diff": SnapshotDiff,
    "/api/v1/events/{identity}": WholeChange,
    "/api/v1/coverage": CoverageReport,
    "/api/v1/rollouts": Rollouts,
    "/api/v1/timeline": TimelineView,
    "/api/v1/timeline/event": WholeChange,
    "/api/v1/search": Found,
    "/api/v1/noise": Noise,
    "/api/v1/sql/schema": SqlSchema,
    "/api/v1/audit-log": AuditTaken,
    "/api/v1/blame": Touches,
    "/api/v1/whoami": WhoAmI,
    "/auth/token": WhoAmI,
    "/auth/logout": WhoAmI,
    _ONE: ObjectAt,
    f"{_ONE}/history": History,
    f"{_ONE}/diff": ObjectDiff,
    f"{_ONE}/blame": Blame,
    f"{_ONE}/fields": FieldHistory,
    f"{_ONE}/events": SaidAbout,
    f"{_ONE}/drift": Drift,
    "/api/v1/drift": Drift,
    "/api/v1/pins": Pins,
    "/api/v1/pins/{name}": Pin,
    "/api/v1/saved": SavedQuestions,
    "/api/v1/saved/{name}": Saved,
    "/api/v1/annotations": Annotations,
    "/api/v1/webhooks": Receivers,
    "/api/v1/webhooks/{name}/dead-letters": DeadLetters,
    "/api/v1/baselines": StoredBaselines,
    "/api/v1/baselines/{name}": StoredBaseline,
    "/api/v1/baselines/{name}/results": DriftTimeline,
}
_STREAMS = {
    "/api/v1/changes": "application/jsonl",
    "/api/v1/diff": "application/jsonl",
    "/api/v1/snapshot": "application/jsonl",
    "/api/v1/feed": "text/event-stream",
}
_REF = "#/components/schemas/{name}"

# An OpenAPI document is a tree of mixed JSON.
Document = dict[str, Any]


def install(app: FastAPI) -> None:
    """Make `/openapi.json` tell the shapes of answers."""
    app.openapi = lambda: _document(app)  # type: ignore[method-assign]  # FastAPI's own way to extend the document


def _document(app: FastAPI) -> Document:
    if app.openapi_schema:
        return app.openapi_schema
    document = get_openapi(
        title=app.title,
        version=app.version,
        summary="What changed, when and by whom, for every object of a cluster at any moment.",
        routes=app.routes,
    )
    kinds = [*_ANSWERS.values(), Problem, FeedChange, Notice]
    shapes, components = msgspec.json.schema_components(kinds, schema_hook=_any, ref_template=_REF)
    document.setdefault("components", {}).setdefault("schemas", {}).update(components)
    problem = shapes[kinds.index(Problem)]
    for path, operations in document["paths"].items():
        for operation in operations.values():
            _describe(path, operation, dict(zip(kinds, shapes, strict=True)), problem)
    app.openapi_schema = document
    return document


def _any(_: type) -> Document:
    return {"description": "Any JSON value"}


def _describe(path: str, operation: Document, shapes: dict[type, Document], problem: Document) -> None:
    answers = operation["responses"]
    answers.pop("422", None)
    answers["default"] = {"description": "A problem", "content": {"application/problem+json": {"schema": problem}}}
    content: Document = {}
    if path in _ANSWERS:
        content["application/json"] = {"schema": shapes[_ANSWERS[path]]}
    if path in _STREAMS:
        content[_STREAMS[path]] = {}
    if path == _ONE:
        content["application/yaml"] = {}
    answers["200"] = {"description": "The answer", "content": content or {"application/json": {}}}
