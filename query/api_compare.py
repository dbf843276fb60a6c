"""The route that compares sets of objects: a scope at two moments, or one cluster or namespace with another."""

from dataclasses import replace
from typing import Annotated, TypeVar

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response

from query import coverage, inventory, snapshots
from query.coverage import Window
from query.errors import BadReference
from query.models import Coverage
from query.models_compared import SnapshotDiff
from query.refs import KnownKind
from query.scope import Scope
from query.snapshots import Shown
from query.web import Context, Here, Meant, Moment, Scoped, Toggle, Windowed, answer, moment
from schema.store import Store

router = APIRouter(tags=["state"])

T = TypeVar("T")
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
    noise: Annotated[Toggle, Query(description="off: nothing is hidden as noise.")] = "on",
    first_sight: Annotated[Toggle, Query(description="on: also what was first seen in the window.")] = "off",
    states: Annotated[Toggle, Query(description="on: with the whole states, as `before` and `after`.")] = "off",
) -> Response:
    """What differs between `from` and `to` (an hour ago and now), or between two places (default: both now)."""
    now = here.clock()
    shown = Shown(noise=noise == "off", first_sight=first_sight == "on", states=states == "on")
    if to_cluster or to_namespace:
        end = moment(window.end, now=now, tz=window.tz)
        begin = moment(window.start, now=now, tz=window.tz) if window.start else end

        def places() -> SnapshotDiff:
            scope, known = params.resolve(here.store)
            left, right = _two(here.store, scope, to_cluster, to_namespace)
            covered = _both(_covered(here, left, begin, known), _covered(here, right, end, None))
            ruled = replace(shown, rules=meant.rules(here.store, left.clusters, end.at))
            return snapshots.over_places(here.store, left, right, begin.at, end.at, ruled, covered)

        return await answer(here, places, request=request)
    after, until = window.resolve(now)
    assert after is not None  # the default window has a start

    def moments() -> SnapshotDiff:
        scope, known = params.resolve(here.store)
        span = Window(after=after, until=until.at, open_end=until.open_end)
        covered = coverage.assess(here.store, scope, span, kinds=known)
        ruled = replace(shown, rules=meant.rules(here.store, scope.clusters, until.at))
        return snapshots.over_time(here.store, scope, after, until.at, ruled, covered)

    return await answer(here, moments, request=request)


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
