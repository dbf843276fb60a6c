"""What every route shares: the context of the application, how query parameters become questions, how answers are
written.

Parameters stay text until they are in a reader thread: resolving a TYPE needs the store. Answers are msgspec Structs,
written in one go with stored JSON embedded raw.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from typing import Annotated, Literal, TypeVar

import msgspec
from fastapi import Depends, Query, Request
from fastapi.responses import Response

from query import times
from query.access import EVERYTHING, SCOPE_KEY, LimitedStore, Reach
from query.errors import BadReference, BadWindow, NotAllowed, UnknownKind
from query.feeds import Feed
from query.metrics import Metrics
from query.models import Coverage, Hidden
from query.noise_rules import NONE, NoiseRules
from query.readers import Readers
from query.refs import KnownKind, known_kinds, resolve_kind, resolve_kinds
from query.schemas import schemas_at
from query.scope import CLUSTER_SCOPE, ChangeFilter, Scope
from query.selectors import parse as parse_selector
from query.semantics import RULES, Rules
from query.settings import QuerySettings
from query.times import RvRef, rfc3339
from schema.objects import split_kind_id
from schema.store import Store

T = TypeVar("T")
Clock = Callable[[], datetime]
Toggle = Literal["on", "off"]

JSON = "application/json"
JSONL = "application/jsonl"
LINES = (JSONL, "application/x-ndjson")
YAML = "application/yaml"
HOUR = timedelta(hours=1)
_CHUNK = 256


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """Everything a route may use; one per application."""

    store: Store
    readers: Readers
    feed: Feed
    settings: QuerySettings
    metrics: Metrics
    clock: Clock
    reach: Reach = EVERYTHING


def context_of(request: Request) -> Context:
    """The application's context; for whoever may not see everything its store and feed are limited to what they may."""
    context: Context = request.app.state.context
    reach: Reach = request.scope.get(SCOPE_KEY, context.reach)
    if reach.everything:
        return context if context.reach.everything else replace(context, reach=reach)
    store = LimitedStore(context.store, reach)
    return replace(context, store=store, feed=context.feed.limited(store), reach=reach)


Here = Annotated[Context, Depends(context_of)]


def only_who_sees_everything(here: Here) -> None:
    """The dependency of routes that do not ask through the context's store. Raises NotAllowed."""
    if not here.reach.everything:
        raise NotAllowed("This needs the right to read everything.", "Ask whoever runs this server.")


Listed = Annotated[list[str], Query(description="Several: repeat it, or join with commas.")]


@dataclass(frozen=True, slots=True)
class Meaning:
    """`?semantic&without`: what counts as the same in one answer."""

    semantic: Toggle
    without: list[str]

    def rules(self, store: Store, clusters: Sequence[str], at: datetime) -> Rules | None:
        """In a reader thread; `at`: the moment whose schemas tell. Raises BadReference."""
        off = _split(self.without)
        if unknown := [name for name in off if name not in RULES]:
            raise BadReference(f"There is no rule {unknown[0][:80]!r}.", f"Rules are {', '.join(RULES)}.")
        if self.semantic == "off":
            return None
        # Status is no part of a manifest, but it is of a snapshot.
        without = {"server-owned", *(name for name in RULES if name in off)}
        return Rules(without=without, schemas=schemas_at(store, clusters, at))


def meaning(
    semantic: Annotated[Toggle, Query(description="off: only what is written the same is the same.")] = "on",
    without: Annotated[
        list[str], Query(description="Rules that do not hold. Several: repeat it, or join with commas.")
    ] = [],  # noqa: B006  # FastAPI reads the default, nobody changes it
) -> Meaning:
    """As FastAPI reads it."""
    return Meaning(semantic, without)


Meant = Annotated[Meaning, Depends(meaning)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """A resolved time, and whether it was "now" rather than an instant."""

    at: datetime
    open_end: bool


@dataclass(frozen=True, slots=True)
class ScopeParams:
    """`?cluster&namespace&kind&name&selector`, as text."""

    cluster: list[str]
    namespace: list[str]
    kind: list[str]
    name: str
    selector: str

    def resolve(self, store: Store) -> tuple[Scope, list[KnownKind]]:
        """In a reader thread: the scope, and discovery as it was read on the way. Raises QueryErrors."""
        clusters = _split(self.cluster)
        kinds = known_kinds(store, clusters)
        wanted = ",".join(_split(self.kind))
        named = resolve_kinds(wanted, kinds) if wanted else ()
        namespaces = _split(self.namespace)
        # As in kubectl: a namespace says nothing of kinds that have none, and those were asked for by name.
        if namespaces and any(not each.namespaced for each in kinds if (each.resource, each.group) in named):
            namespaces = (*namespaces, CLUSTER_SCOPE)
        scope = Scope(
            clusters=clusters,
            namespaces=namespaces,
            kinds=named,
            name=self.name,
            selector=parse_selector(self.selector) if self.selector.strip() else None,
        )
        return scope, kinds

    def alone(self, store: Store) -> Scope:
        """The scope without discovery, which is read only where a kind is named: for who comes back often."""
        if _split(self.kind):
            return self.resolve(store)[0]
        selector = parse_selector(self.selector) if self.selector.strip() else None
        return Scope(
            clusters=_split(self.cluster), namespaces=_split(self.namespace), name=self.name, selector=selector
        )

    def lenient(self, store: Store) -> Scope:
        """As `resolve`, but a full `resource.group` that nobody knows is asked for all the same."""
        try:
            return self.resolve(store)[0]
        except UnknownKind:
            if any("." not in each for each in _split(self.kind)) and known_kinds(store, _split(self.cluster)):
                raise
            known = replace(self, kind=[])
            kinds = tuple(split_kind_id(each) for each in _split(self.kind))
            return replace(known.resolve(store)[0], kinds=kinds)


def scope_params(
    cluster: Listed = [],  # noqa: B006  # FastAPI reads the default, nobody changes it
    namespace: Annotated[
        list[str], Query(description="`_` = cluster-scoped objects. Several: repeat, or commas.")
    ] = [],  # noqa: B006 - FastAPI's form of a repeated parameter
    kind: Annotated[list[str], Query(description="Any spelling of TYPE: deploy, deployments.apps, Deployment.")] = [],  # noqa: B006 - FastAPI's form of a repeated parameter
    name: Annotated[str, Query(description="Name of the objects; `*` matches anything.")] = "",
    selector: Annotated[str, Query(description="Label selector, on the state as of the change or moment.")] = "",
) -> ScopeParams:
    """The dependency."""
    return ScopeParams(cluster, namespace, kind, name, selector)


Scoped = Annotated[ScopeParams, Depends(scope_params)]
Tz = Annotated[str, Query(description="Zone of times that name none: UTC, Europe/Vienna, +02:00.")]
Time = Annotated[str, Query(description="RFC 3339, 2h, now-6h, yesterday 14:00, 14:05, @1760000000.")]


@dataclass(frozen=True, slots=True)
class WindowParams:
    """`?from&since&to&until&tz`, as text."""

    start: str
    end: str
    tz: str

    def resolve(self, now: datetime, default: timedelta | None = HOUR) -> tuple[datetime | None, Moment]:
        """(from, to): `to` is now and `from` an hour before it unless said otherwise. Raises BadTime, BadWindow."""
        tz = times.zone(self.tz)
        end = moment(self.end, now=now, tz=self.tz)
        if self.start:
            begin: datetime | None = times.instant(self.start, now=now, tz=tz)
        else:
            begin = None if default is None else end.at - default
        if begin is not None and begin > end.at:
            raise BadWindow(
                f"The window ends ({rfc3339(end.at)}) before it begins ({rfc3339(begin)}).", "Swap `from` and `to`."
            )
        return begin, end


def window_params(
    from_: Annotated[str, Query(alias="from", description="Start of the window, not part of it. Default 1h.")] = "",
    since: Annotated[str, Query(description="The same as `from`.")] = "",
    to: Annotated[str, Query(description="End of the window. Default now.")] = "",
    until: Annotated[str, Query(description="The same as `to`.")] = "",
    tz: Tz = "UTC",
) -> WindowParams:
    """The dependency. Raises BadWindow when a side is given twice."""
    if (from_ and since) or (to and until):
        raise BadWindow("A side of the window is given twice.", "Give `from` or `since`, `to` or `until`.")
    return WindowParams(from_ or since, to or until, tz)


Windowed = Annotated[WindowParams, Depends(window_params)]


@dataclass(frozen=True, slots=True)
class FilterParams:
    """`?path&by&noise&first_sight` beside the scope."""

    scope: ScopeParams
    paths: tuple[str, ...]
    by: str
    noise: bool
    first_sight: bool
    text: str = ""
    classes: tuple[str, ...] = ()
    rules: NoiseRules = NONE

    def resolve(self, store: Store) -> tuple[ChangeFilter, list[KnownKind]]:
        """In a reader thread."""
        scope, kinds = self.scope.resolve(store)
        return self._of(scope), kinds

    def alone(self, store: Store) -> ChangeFilter:
        """The filter without discovery."""
        return self._of(self.scope.alone(store))

    def _of(self, scope: Scope) -> ChangeFilter:
        return ChangeFilter(
            scope=scope,
            paths=self.paths,
            by=self.by,
            text=self.text,
            classes=self.classes,
            noise=self.noise,
            first_sight=self.first_sight,
            rules=self.rules,
        )


def filter_params(
    here: Here,
    scope: Scoped,
    path: Annotated[
        list[str], Query(description="This path or anything below it: spec.replicas. Several: repeat.")
    ] = [],  # noqa: B006 - FastAPI's form of a repeated parameter
    by: Annotated[str, Query(description="Field manager or actor; `*` matches anything.")] = "",
    noise: Annotated[Toggle, Query(description="off: nothing is hidden as noise.")] = "on",
    first_sight: Annotated[Toggle, Query(description="on: also what existed when recording began.")] = "off",
    q: Annotated[str, Query(description="Words or /regex/ in name, namespace, actor or path; all must match.")] = "",
    class_: Annotated[
        list[str], Query(alias="class", description="status, metadata, create, spec, rollout, delete. Several: repeat.")
    ] = [],  # noqa: B006 - FastAPI's form of a repeated parameter
) -> FilterParams:
    """The dependency."""
    paths = tuple(dict.fromkeys(each for each in path if each))
    return FilterParams(scope, paths, by, noise == "off", first_sight == "on", q, _split(class_), here.settings.noise)


Filtered = Annotated[FilterParams, Depends(filter_params)]


def moment(text: str, *, now: datetime, tz: str) -> Moment:
    """`at=` or `to=`: nothing and "now" follow the clock."""
    if text.strip().lower() in ("", "now"):
        return Moment(at=now, open_end=True)
    return Moment(at=times.instant(text, now=now, tz=times.zone(tz)), open_end=False)


def moment_or_version(text: str, *, now: datetime, tz: str) -> Moment | RvRef:
    """`at=` where one object is named."""
    found = times.resolve(text, now=now, tz=times.zone(tz)) if text.strip() else None
    return found if isinstance(found, RvRef) else moment(text, now=now, tz=tz)


def kind_in_path(store: Store, cluster: str, text: str) -> tuple[str, str]:
    """`{resource.group}` of a URL, in any spelling; where discovery was never recorded it is taken at its word."""
    known = known_kinds(store, [cluster])
    return resolve_kind(text, known) if known else split_kind_id(text)


async def answer(here: Context, question: Callable[[], T], *, request: Request | None = None) -> Response:
    """The question's Struct as JSON, with an ETag."""
    return write(await here.readers.run(question), request)


def write(body: object, request: Request | None = None, *, cache: str = "no-cache") -> Response:
    """A Struct as JSON; 304 when the asker has these very bytes."""
    return content(msgspec.json.encode(body), JSON, request, cache=cache)


def content(
    data: bytes, media_type: str, request: Request | None, *, cache: str = "no-cache", etag: str = ""
) -> Response:
    """Bytes with a strong ETag."""
    tag = f'"{etag or blake2b(data, digest_size=16).hexdigest()}"'
    headers = {"ETag": tag, "Cache-Control": cache, "Vary": "Accept"}
    if request is not None and _has(request.headers.get("if-none-match", ""), tag):
        return Response(status_code=304, headers=headers)
    return Response(data, media_type=media_type, headers=headers)


def _has(asked: str, tag: str) -> bool:
    """Whether `If-None-Match` lists this tag, weakly too, or is `*`: there is an answer (RFC 9110 13.1.2)."""
    listed = [each.strip().removeprefix("W/") for each in asked.split(",")]
    return tag in listed or "*" in listed


def wants(request: Request, *media_types: str) -> bool:
    """Whether `Accept` names one of these."""
    accept = request.headers.get("accept", "")
    return any(each in accept for each in media_types)


def lines(items: Iterator[object]) -> Iterator[bytes]:
    """JSON Lines in chunks; raw bytes are taken as JSON already."""
    chunk: list[bytes] = []
    for item in items:
        chunk.append(item if isinstance(item, bytes) else msgspec.json.encode(item))
        if len(chunk) >= _CHUNK:
            yield b"\n".join(chunk) + b"\n"
            chunk.clear()
    if chunk:
        yield b"\n".join(chunk) + b"\n"


def stream_headers(
    *, at: datetime | None = None, after: datetime | None = None, coverage: Coverage, hidden: Hidden | None = None
) -> dict[str, str]:
    """What a JSON answer says around its items, for streams, whose lines are items only."""
    headers = {"Kubelapse-Complete": "true" if coverage.complete else "false", "Cache-Control": "no-cache"}
    if not coverage.complete:
        headers["Kubelapse-Incomplete-Why"] = " ".join(coverage.why)[:2000].encode("ascii", "replace").decode()
    if coverage.watermark:
        headers["Kubelapse-Watermark"] = rfc3339(coverage.watermark)
    if after:
        headers["Kubelapse-From"] = rfc3339(after)
    if at:
        headers["Kubelapse-At" if after is None else "Kubelapse-To"] = rfc3339(at)
    if hidden:
        headers["Kubelapse-Hidden"] = f"noise={hidden.noise}, first_sight={hidden.first_sight}"
    return headers


def utc_now() -> datetime:
    """The clock of production."""
    return datetime.now(UTC)


def _split(values: list[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(part.strip() for value in values for part in value.split(",") if part.strip()))
