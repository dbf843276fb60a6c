"""The face over HTTP: `/kube/{cluster}/{moment}/…`, where `…` is what a Kubernetes client asks of an API server.

`{cluster}` is `_` where only one is recorded; `{moment}` is an instant, or `now`. The whole prefix is the server's URL
in a kubeconfig, so one listener serves every moment. Nothing can be written; a dry run computes and keeps nothing.
"""

import asyncio
import logging
import time
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import replace

import orjson
from fastapi import APIRouter, Request
from fastapi.responses import Response

from query import bodies, problems
from query.access import CALLER_KEY
from query.errors import QueryError
from query.kubeface import discovery, fieldselectors, past, protobuf, requests, rights
from query.kubeface.dryrun import patched
from query.kubeface.past import Ask, View
from query.kubeface.replay import Step, Watch
from query.kubeface.requests import Params, Target
from query.kubeface.rights import Reader
from query.kubeface.statuses import CODES, Reason, Refusal
from query.kubeface.tables import Form
from query.problems import Refused
from query.refs import KnownKind
from query.selectors import parse as parse_selector
from query.streams import PatientResponse
from query.web import JSON, Context, Here, moment
from schema.canonical import Json, JsonObject
from schema.store import StoreError

log = logging.getLogger(__name__)

PREFIX = "/kube"
METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]
_WARNINGS = 4
_WRITTEN = ("status", "scale", "eviction", "binding", "approval", "ephemeralcontainers", "finalize", "token")
"""Parts that are written, which is refused as such; what runs in a container (log, exec) is simply not there."""
_BODY = 3 * 2**20
_PROTOBUF = "application/com.github.proto-openapi.spec.v2@v1.0+protobuf"
_PROTOBUF_GIVEN = "application/com.github.proto-openapi.spec.v2.v1.0+protobuf"
"""As asked for and as given: Go takes no media type with an `@` (kube-openapi pkg/handler)."""

router = APIRouter(include_in_schema=False)


@router.api_route("/kube/{cluster}/{at}", methods=METHODS)
@router.api_route("/kube/{cluster}/{at}/{path:path}", methods=METHODS)
async def face(request: Request, here: Here, cluster: str, at: str, path: str = "") -> Response:
    """Whatever a client asks, answered or refused as an API server would."""
    try:
        return await _Question(request, here, await _view(here, cluster, at), path).answer()
    except Refusal as refusal:
        return _json(refusal.status(), status=refusal.code)
    except QueryError as error:
        status = problems.of_query_error(error).status
        return _refused(status, f"{error} {error.hint}".strip())
    except Refused as error:
        return _refused(error.problem.status, error.problem.detail)
    except StoreError as error:
        log.warning("%s %s: the store failed: %s", request.method, request.url.path, error)
        return _refused(503, "the store of the history does not answer")


async def _view(here: Context, cluster: str, at: str) -> View:
    found = moment(at, now=here.clock(), tz="UTC")
    name = await here.readers.run(lambda: past.cluster_named(here.store, cluster))
    return View(store=here.store, cluster=name, at=found.at, live=found.open_end)


class _Question:
    """One request."""

    def __init__(self, request: Request, here: Context, view: View, path: str) -> None:
        self._request = request
        self._here = here
        self._view = view
        self._path = path.strip("/")
        self._accepted = requests.accepted(request.headers.get("accept", ""))
        self._reader = Reader(name=request.scope.get(CALLER_KEY, ""), reach=here.reach, cluster=view.cluster)

    async def answer(self) -> Response:
        """Raises Refusal, QueryError, StoreError."""
        rights.refuse_impersonation(self._request.headers, self._reader.name)
        if (target := requests.target(self._path)) is not None:
            return await self._of_target(target)
        if self._request.method not in ("GET", "HEAD"):
            raise self._read_only()
        if self._path in ("version", "healthz", "livez", "readyz"):
            software = self._here.settings.version
            return _json(discovery.version(software)) if self._path == "version" else Response("ok")
        if self._path.startswith("openapi/"):
            return self._openapi()
        return await self._discovery()

    # --- what there is

    async def _discovery(self) -> Response:
        view = self._view
        found = discovery.served(await self._here.readers.run(lambda: past.kinds(view)), view.cluster)
        parts = self._path.split("/") if self._path else []
        if self._accepted.kind == "APIGroupDiscoveryList" and parts in (["api"], ["apis"]):
            version = self._accepted.version
            body = discovery.aggregated(found, core=parts == ["api"], version=version)
            media = f"{JSON};g=apidiscovery.k8s.io;v={version};as=APIGroupDiscoveryList"
            return _json(body, media=media)
        match parts:
            case []:
                return _json(discovery.paths(found))
            case ["api"]:
                return _json(discovery.core_versions(self._request.headers.get("host", "")))
            case ["apis"]:
                return _json(discovery.group_list(found))
            case ["api", "v1"]:
                return _json(discovery.resource_list(found[""]["v1"], "v1"))
            case ["apis", group] if group in found:
                return _json(discovery.group(found, group))
            case ["apis", group, version] if version in found.get(group, {}):
                return _json(discovery.resource_list(found[group][version], f"{group}/{version}"))
        raise Refusal("NotFound", "the server could not find the requested resource")

    def _openapi(self) -> Response:
        if self._path == "openapi/v3":
            return _json({"paths": {}})
        if self._path != "openapi/v2":
            raise Refusal("NotFound", "no schemas are recorded")
        if _PROTOBUF in self._request.headers.get("accept", ""):
            return Response(discovery.SWAGGER_PROTOBUF, media_type=_PROTOBUF_GIVEN)
        return _json(discovery.SWAGGER)

    # --- objects

    async def _of_target(self, target: Target) -> Response:
        if any((target.group, target.resource) == each[:2] for each in rights.REVIEWS):
            return await self._review(target)
        method = self._request.method
        if target.part and target.part not in _WRITTEN:
            raise Refusal("NotFound", f"{target.resource}/{target.part[:80]} is not recorded: only objects are")
        if method not in ("GET", "HEAD") and not self._dry():
            raise self._read_only()
        kind = await self._here.readers.run(
            lambda: past.kind_of(self._view, target.group, target.version, target.resource)
        )
        if target.part and target.part != "status":
            raise Refusal("NotFound", f"{target.resource}/{target.part[:80]} is not recorded: only objects are")
        asked = requests.params(self._request.query_params)
        verb = rights.verb(method, name=target.name, watch=asked.watch)
        self._reader.check(kind, verb, target.namespace, target.name)
        if method not in ("GET", "HEAD"):
            return await self._dry_run(target, kind)
        if not target.name:
            return await (self._watch if asked.watch else self._list)(target, kind, asked)
        return await self._one(target, kind, asked)

    async def _one(self, target: Target, kind: KnownKind, asked: Params) -> Response:
        def question() -> tuple[JsonObject, list[str]]:
            ask = Ask(kind=kind, namespace=target.namespace)
            found = past.one(self._view, kind, target.namespace, target.name)
            return self._form(kind, asked).of_one(found), past.warnings(self._view, ask)

        body, warnings = await self._here.readers.run(question)
        return _json(body, warnings=warnings)

    async def _list(self, target: Target, kind: KnownKind, asked: Params) -> Response:
        def question() -> tuple[bytes, list[str]]:
            ask = self._ask(target, kind, asked)
            body = self._form(kind, asked).of_list(past.listing(self._view, ask), kind)
            return orjson.dumps(body), past.warnings(self._view, ask)

        data, warnings = await self._here.readers.run(question)
        return _answer(data, warnings=warnings)

    async def _watch(self, target: Target, kind: KnownKind, asked: Params) -> Response:
        if asked.initial:
            raise Refusal("Invalid", "sendInitialEvents is not served here: list, then watch")
        ask = self._ask(target, kind, asked)
        watch = Watch(
            view=self._view,
            ask=ask,
            after=requests.version(asked.version),
            bookmarks=asked.bookmarks,
            readers=self._here.readers,
            feed=self._here.feed,
        )
        form = await self._here.readers.run(lambda: self._form(kind, asked))
        until = None if watch.still else self._here.clock()
        warnings = await self._here.readers.run(lambda: past.warnings(self._view, ask, until))
        steps = watch.steps()
        first = await anext(steps)  # what is refused is refused before the answer begins
        lines = _lines(first, steps, form, asked.timeout)
        patience = self._here.settings.feed_patience
        return PatientResponse(lines, media_type=JSON, patience=patience, headers=_headers(warnings))

    def _ask(self, target: Target, kind: KnownKind, asked: Params) -> Ask:
        return Ask(
            kind=kind,
            namespace=target.namespace,
            selector=parse_selector(asked.labels) if asked.labels.strip() else None,
            fields=fieldselectors.parse(asked.fields, kind.id, kind.group),
            limit=asked.limit,
            after=asked.after,
        )

    def _form(self, kind: KnownKind, asked: Params) -> Form:
        """In a reader thread: a custom kind's columns are looked up."""
        return Form(
            printer=past.printer(self._view, kind) if self._accepted.kind == "Table" else None,
            metadata_only=self._accepted.kind.startswith("PartialObjectMetadata"),
            include=asked.include,
            now=self._view.at,
        )

    # --- what is no reading

    async def _review(self, target: Target) -> Response:
        if self._request.method != "POST":
            raise Refusal("MethodNotAllowed", "a review is sent with POST")
        body = await self._asked(target.resource)
        kinds = await self._here.readers.run(lambda: past.kinds(self._view))
        return _json(rights.reviewed(target.group, target.resource, body, kinds, self._reader), status=201)

    async def _asked(self, review: str) -> JsonObject:
        if self._request.headers.get("content-type", "").startswith(protobuf.MEDIA_TYPE):
            return protobuf.review(await bodies.raw(self._request, most=bodies.SMALL), review)
        return dict(await bodies.json_body(self._request))

    async def _dry_run(self, target: Target, kind: KnownKind) -> Response:
        """What the write would have made, of which nothing is kept."""
        method, view = self._request.method, self._view
        sent = await self._sent()
        if method == "DELETE":
            return _json(await self._existing(target, kind))
        if method == "POST":
            return _json(sent if isinstance(sent, dict) else {}, status=201)
        try:
            before = await self._existing(target, kind)
        except Refusal:
            if method == "PATCH" and "apply-patch" in self._request.headers.get("content-type", ""):
                return _json(sent if isinstance(sent, dict) else {}, status=201)
            raise
        if method == "PUT":
            return _json(sent if isinstance(sent, dict) else {})
        content_type = self._request.headers.get("content-type", "")
        log.debug("dry run of a patch at %s", view.at)
        return _json(patched(before, sent, content_type))

    async def _existing(self, target: Target, kind: KnownKind) -> JsonObject:
        return await self._here.readers.run(lambda: past.one(self._view, kind, target.namespace, target.name))

    async def _sent(self) -> Json:
        data = await bodies.raw(self._request, most=_BODY)
        try:
            found: Json = orjson.loads(data) if data else None
        except orjson.JSONDecodeError:
            raise Refusal("BadRequest", "the body is no JSON") from None
        return found

    def _dry(self) -> bool:
        return self._request.query_params.get("dryRun") == "All"

    def _read_only(self) -> Refusal:
        what = (
            "this is a recording of the cluster"
            if self._view.live
            else f"this is the past ({self._view.at:%Y-%m-%dT%H:%M:%SZ})"
        )
        return Refusal("MethodNotAllowed", f"{what}: it can be read and not changed; write to the cluster itself")


async def _lines(
    first: list[Step], steps: AsyncGenerator[list[Step]], form: Form, seconds: float
) -> AsyncGenerator[bytes, None]:
    """The events of a watch, one per line, for so many seconds."""
    headers, found, until = True, first, time.monotonic() + seconds
    async with aclosing(steps):
        while True:
            if found:
                yield _events(found, form, headers=headers)
                headers = False
            try:
                async with asyncio.timeout(max(0.0, until - time.monotonic())):
                    found = await anext(steps)
            except (TimeoutError, StopAsyncIteration):
                return


def _events(steps: Sequence[Step], form: Form, *, headers: bool) -> bytes:
    lines = []
    for step in steps:
        body = (
            step.object if step.type == "BOOKMARK" else replace(form, now=step.at).of_one(step.object, headers=headers)
        )
        headers = headers and step.type == "BOOKMARK"
        lines.append(orjson.dumps({"type": step.type, "object": body}) + b"\n")
    return b"".join(lines)


def _json(body: JsonObject, *, status: int = 200, media: str = JSON, warnings: Sequence[str] = ()) -> Response:
    return _answer(orjson.dumps(body), status=status, media=media, warnings=warnings)


def _answer(data: bytes, *, status: int = 200, media: str = JSON, warnings: Sequence[str] = ()) -> Response:
    answer = Response(data, status_code=status, headers=_headers(warnings))
    answer.headers["Content-Type"] = media
    return answer


def _headers(warnings: Sequence[str]) -> dict[str, str]:
    """What is not known, as kubectl prints it (RFC 9111's predecessor, RFC 7234 5.5)."""
    headers = {"Cache-Control": "no-store"}
    if warnings:
        shown = [
            *warnings[:_WARNINGS],
            *([f"and {len(warnings) - _WARNINGS} more"] if len(warnings) > _WARNINGS else []),
        ]
        headers["Warning"] = ", ".join(f'299 kubelapse "{_quoted(each)}"' for each in shown)
    return headers


def _quoted(text: str) -> str:
    plain = "".join(each if " " <= each <= "~" else "?" for each in text[:400])
    return plain.replace("\\", "\\\\").replace('"', '\\"')


def _refused(status: int, message: str) -> Response:
    reason: Reason = next((name for name, code in CODES.items() if code == status), "BadRequest")
    body = Refusal(reason, message).status()
    return _json({**body, "code": status}, status=status)
