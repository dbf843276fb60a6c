"""The route that compares sets of objects: a scope at two moments, or one cluster or namespace with another."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime
from typing import Annotated, Literal, TypeVar

import msgspec
from fastapi import APIRouter, Query, Request
from fastapi.responses import Response

from query import coverage, diff_pages, inventory, snapshots
from query.coverage import Window
from query.diff_pages import EVERYTHING
from query.errors import BadReference
from query.models import Coverage
from query.models_compared import DiffLine, ObjectChange, SnapshotDiff
from query.refs import KnownKind
from query.scope import Scope
from query.snapshot_items import Shown
from query.snapshots import Sort, Span, Told
from query.streams import PatientResponse
from query.web import (
    JSONL,
    LINES,
    Context,
    Here,
    Meant,
    Moment,
    Scoped,
    Toggle,
    Windowed,
    lines,
    moment,
    stream_headers,
    wants,
    write,
)
from schema.store import Store

router = APIRouter(tags=["state"])

T = TypeVar("T")
Noise = Literal["on", "off", "marked"]
Other = Annotated[str, Query(description="Compare with this one: objects are matched by kind and name.")]


@router.get("/diff")
async def diff(
    here: Here,
    request: Request,
    params: Scoped,
    window: Windowed,
    meant: Meant,
    to_cluster: Other = "",
    to_namespace: Other = "",
    noise: Annotated[Noise, Query(description="off: nothing is hidden; marked: fields are not, objects are.")] = "on",
    first_sight: Annotated[Toggle, Query(description="on: also what was first seen in the window.")] = "off",
    states: Annotated[Toggle, Query(description="on: with the whole states, as `before` and `after`.")] = "off",
    limit: Annotated[int | None, Query(description="Objects on a page; 0: all of them, 5,000 at most.")] = None,
    cursor: str = "",
) -> Response:
    """What differs between `from` and `to` (an hour ago and now), or between two places (default: both now), in pages.
    `Accept: application/jsonl` streams all of it, one object that differs to a line, with its `result`."""
    now = here.clock()
    shown = Shown(
        noise=noise == "off",
        marked=noise == "marked",
        first_sight=first_sight == "on",
        states=states == "on",
        noise_rules=here.settings.noise,
    )
    page, first = diff_pages.page(limit, cursor)
    streaming = wants(request, *LINES)
    if to_cluster or to_namespace:
        end = _fixed(first, 1) or moment(window.end, now=now, tz=window.tz)
        begin = _fixed(first, 0) or (moment(window.start, now=now, tz=window.tz) if window.start else end)

        def places() -> SnapshotDiff:
            scope, known = params.resolve(here.store)
            left, right = _two(here.store, scope, to_cluster, to_namespace)
            covered = _both(_covered(here, left, begin, known), _covered(here, right, end, None))
            ruled = replace(shown, rules=meant.rules(here.store, left.clusters, end.at))
            size = EVERYTHING if streaming else page
            return snapshots.over_places(here.store, left, right, begin.at, end.at, ruled, covered, size)

        found = await here.readers.run(places)
        return await _stream(here, found, lambda: snapshots.items(found)) if streaming else _page(found, request)
    after, until = window.resolve(now)
    assert after is not None  # the default window has a start
    if first:
        after, until = first[0], replace(until, at=first[1])

    def moments() -> tuple[Span, Shown, SnapshotDiff]:
        scope, known = params.resolve(here.store)
        span = Span(scope=scope, after=after, until=until.at)
        covered = coverage.assess(here.store, scope, _window(span, until), kinds=known)
        ruled = replace(shown, rules=meant.rules(here.store, scope.clusters, until.at))
        if streaming:
            return span, ruled, snapshots.outline(here.store, span, ruled, covered)
        return span, ruled, snapshots.over_time(here.store, scope, after, until.at, ruled, covered, page)

    span, ruled, outline = await here.readers.run(moments)
    if streaming:
        return await _stream(here, outline, lambda: snapshots.every(here.store, span, ruled))
    return _page(outline, request)


def _fixed(first: tuple[datetime, datetime] | None, side: int) -> Moment | None:
    """The moment of the first page, on those that follow."""
    return Moment(at=first[side], open_end=False) if first else None


def _window(span: Span, until: Moment) -> Window:
    return Window(after=span.after, until=span.until, open_end=until.open_end)


def _page(found: SnapshotDiff, request: Request) -> Response:
    answer = write(found, request)
    if found.next:
        answer.headers["Link"] = f'<{request.url.include_query_params(cursor=found.next)}>; rel="next"'
    return answer


async def _stream(here: Context, found: SnapshotDiff, told: Callable[[], Iterator[Told]]) -> Response:
    """One line for each object; the rest of the answer is in the headers."""
    headers = stream_headers(at=found.to, after=found.from_, coverage=found.coverage, hidden=found.hidden)
    chunks = await here.readers.stream(lambda: lines(_line(*each) for each in told()))
    return PatientResponse(chunks, media_type=JSONL, patience=here.settings.feed_patience, headers=headers)


def _line(result: Sort, item: ObjectChange) -> DiffLine:
    return DiffLine(result=result, **msgspec.structs.asdict(item))


def _two(store: Store, scope: Scope, cluster: str, namespace: str) -> tuple[Scope, Scope]:
    """Both places, each with one cluster; and with one namespace, where these are compared. Raises BadReference."""
    clusters = scope.clusters or tuple(inventory.cluster_names(store))
    if len(clusters) != 1:
        raise BadReference(
            f"Which cluster is to be compared? {len(clusters)} are meant.", "Name one with `cluster` (--cluster)."
        )
    if namespace and len(scope.namespaces) != 1:
        raise BadReference(
            f"Which namespace is to be compared with {namespace[:80]!r}?", "Name one with `namespace` (-n)."
        )
    left = replace(scope, clusters=clusters)
    right = replace(left, clusters=(cluster or clusters[0],), namespaces=(namespace,) if namespace else left.namespaces)
    if left == right:
        raise BadReference("Both sides are the same place.", "Name another with `to_cluster` or `to_namespace`.")
    if right.clusters[0] not in inventory.cluster_names(store):
        raise BadReference(f"No cluster {right.clusters[0][:80]!r} is recorded.", "GET /api/v1/clusters lists them.")
    return left, right


def _covered(here: Context, scope: Scope, at: Moment, known: list[KnownKind] | None) -> Coverage:
    window = Window(after=at.at, until=at.at, open_end=at.open_end)
    return coverage.assess(here.store, scope, window, kinds=known)


def _both(one: Coverage, other: Coverage) -> Coverage:
    """As well known as the lesser known of both."""
    unknown = one.watched_since is None or other.watched_since is None
    since = [each.watched_since for each in (one, other) if each.watched_since]
    marks = [each.watermark for each in (one, other) if each.watermark]
    confirmed = [each.confirmed for each in (one, other) if each.confirmed]
    return Coverage(
        complete=one.complete and other.complete,
        watched_since=None if unknown else max(since),
        watermark=min(marks) if len(marks) == 2 else None,
        confirmed=min(confirmed) if len(confirmed) == 2 else None,
        gaps=_joined(one.gaps, other.gaps),
        late=_joined(one.late, other.late),
        unwatched=_joined(one.unwatched, other.unwatched),
        why=_joined(one.why, other.why),
    )


def _joined(one: list[T], other: list[T]) -> list[T]:
    return [*one, *(each for each in other if each not in one)]
