"""How well the history knows a scope in a window: the difference between "nothing changed" and "nobody was watching".

The ledger holds, per kind and namespace ("" = the whole cluster), intervals in which every change was captured, gaps,
and late spans. An answer about many kinds is as good as the worst of them: `watermark` and `confirmed` are minima,
`watched_since` is the moment from which on all of them were watched. A kind that the cluster began to serve later was
not missing before; between being served and being watched it was.

What the operator switched off (`off`, `excluded`), what cannot be watched, and namespaces left out on purpose are named
in `unwatched` and do not make a broad answer incomplete; asked for by name they do. `forbidden` always does, also in
one of the captured namespaces only: nobody chose it.

A late span misses nothing, but its times are estimates: a window that begins or ends within one, and a moment within
one, may take a change to be on the wrong side. A window around it holds them all.

A window that ends "now" ends a moment after the newest watermark. Asked so (`open_end`), it is complete as far as the
watermark reaches, as long as that is live; an instant named by the asker must lie at or before the watermark.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import pairwise

from query.models import Coverage, CoverageReport, Interval, Span, Unwatched
from query.refs import KnownKind, known_kinds
from query.scope import CLUSTER_SCOPE, Scope, one_of, where
from query.times import rfc3339
from schema.objects import KUBE_EVENTS, kind_id, split_kind_id
from schema.store import Store

LIVE_LAG = timedelta(seconds=15)
"""A watermark no older than this belongs to a live recorder (it moves every 2 s, a flush takes up to 2 s more)."""

_ALMOST = timedelta(seconds=1) - timedelta(microseconds=1)

Place = tuple[str, str, str]
"""(cluster, resource.group, namespace)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """(after, until]; one moment when both are equal. `open_end`: the asker gave no end, `until` is the clock."""

    after: datetime
    until: datetime
    open_end: bool = False


@dataclass(slots=True)
class _Ledger:
    """The rows that touch a question, sorted by place and time."""

    watched: dict[Place, list[Interval]] = field(default_factory=dict)
    gaps: list[Span] = field(default_factory=list)
    late: list[Span] = field(default_factory=list)


@dataclass(slots=True)
class _Verdict:
    """What is being found out: the sentences, and holes that no gap record explains."""

    why: list[str] = field(default_factory=list)
    holes: list[Span] = field(default_factory=list)
    unwatched: list[Unwatched] = field(default_factory=list)


def assess(store: Store, scope: Scope, window: Window, *, kinds: Sequence[KnownKind] | None = None) -> Coverage:
    """The coverage object of an answer. `kinds`: discovery, when the caller has read it already."""
    ledger, asked = _read(store, scope), _asked(store, scope, kinds)
    found = _assess(ledger, asked, _served_since(store, scope), scope, window)
    if any(kind_id(*kind) in KUBE_EVENTS for kind in scope.kinds):
        found.complete = False
        found.why.append("Kubernetes Events are a class of their own: lists of objects and changes leave them out.")
    return found


def report(
    store: Store, scope: Scope, after: datetime | None, until: datetime, *, open_end: bool = False
) -> CoverageReport:
    """The same, with the watched intervals that touch the window; without a start: since everything was watched."""
    ledger, asked, served = _read(store, scope), _asked(store, scope, None), _served_since(store, scope)
    if after is None:
        since = _marks(*_standing(ledger, asked), ledger, served)[0]
        after = min(since, until) if since else until
    window = Window(after=after, until=until, open_end=open_end)
    summary = _assess(ledger, asked, served, scope, window)
    watched = [
        each
        for intervals in ledger.watched.values()
        for each in intervals
        if each.from_ <= window.until and each.to >= window.after
    ]
    return CoverageReport(
        from_=after, to=until, coverage=summary, watched=watched, gaps=summary.gaps, late=summary.late
    )


def _read(store: Store, scope: Scope) -> _Ledger:
    params: dict[str, object] = {}
    sql = f"""
        SELECT cluster, resource, `group`, namespace, class, from_t, to_t, id, reason, confirmed, to_rv
        FROM coverage FINAL {where(_places(scope, params))}
        ORDER BY cluster, resource, `group`, namespace, from_t"""
    ledger = _Ledger()
    for cluster, resource, group, namespace, kind, from_t, to_t, identity, reason, confirmed, rv in store.rows(
        sql, params
    ):
        place = (cluster, kind_id(resource, group), namespace)
        if kind == "watched":
            found = Interval(
                cluster=cluster,
                resource=place[1],
                namespace=namespace,
                from_=from_t,
                to=to_t,
                confirmed=confirmed,
                rv=rv,
            )
            ledger.watched.setdefault(place, []).append(found)
        else:
            (ledger.gaps if kind == "gap" else ledger.late).append(_span(place, from_t, to_t, identity, reason))
    for place, intervals in ledger.watched.items():
        ledger.watched[place] = _joined(intervals)
    return ledger


def _places(scope: Scope, params: dict[str, object]) -> list[str]:
    """Ledger rows about the scope: those of its namespaces, and those about the whole cluster."""
    found = [
        *Scope(clusters=scope.clusters, kinds=scope.kinds).conditions(params),
        "class IN ('watched', 'gap', 'late')",
    ]
    if scope.namespaces:
        namespaces = ["", *(each for each in scope.namespaces if each != CLUSTER_SCOPE)]
        found.append(one_of("namespace", namespaces, params, "namespace"))
    return found


def _joined(intervals: Iterable[Interval]) -> list[Interval]:
    """Intervals that touch or overlap are one; they come sorted by start."""
    joined: list[Interval] = []
    for each in intervals:
        if joined and each.from_ <= joined[-1].to:
            last = joined.pop()
            newer = each if each.to >= last.to else last
            each = Interval(
                cluster=last.cluster,
                resource=last.resource,
                namespace=last.namespace,
                from_=last.from_,
                to=newer.to,
                confirmed=newer.confirmed,
                rv=newer.rv,
            )
        joined.append(each)
    return joined


def _asked(store: Store, scope: Scope, kinds: Sequence[KnownKind] | None) -> list[KnownKind]:
    """The kinds that the scope means, as discovery last knew them; cluster-scoped ones only where they can match."""
    known = known_kinds(store, scope.clusters) if kinds is None else kinds
    in_cluster = [each for each in known if not scope.clusters or each.cluster in scope.clusters]
    if scope.kinds:
        return [each for each in in_cluster if (each.resource, each.group) in scope.kinds]
    namespaced = any(each != CLUSTER_SCOPE for each in scope.namespaces)
    cluster_wide = CLUSTER_SCOPE in scope.namespaces
    return [each for each in in_cluster if not scope.namespaces or (namespaced if each.namespaced else cluster_wide)]


def _served_since(store: Store, scope: Scope) -> dict[tuple[str, str], datetime]:
    """(cluster, resource.group) → since when the cluster serves it; kinds known from the start are left out."""
    params: dict[str, object] = {}
    conditions = [one_of("cluster", scope.clusters, params, "cluster")] if scope.clusters else []
    sql = f"""
        SELECT cluster, resource, `group`, min(since) FROM kinds {where(conditions)}
        GROUP BY cluster, resource, `group`"""
    rows = store.rows(sql, params)
    first: dict[str, datetime] = {}
    for cluster, _, _, since in rows:
        first[cluster] = min(since, first.get(cluster, since))
    return {(cluster, kind_id(res, group)): since for cluster, res, group, since in rows if since > first[cluster]}


def _assess(
    ledger: _Ledger,
    asked: Sequence[KnownKind],
    served: dict[tuple[str, str], datetime],
    scope: Scope,
    window: Window,
) -> Coverage:
    places, living = _standing(ledger, asked)
    verdict = _Verdict(unwatched=_unwatched(asked, places, scope))
    gaps = [each for each in ledger.gaps if _touches(each, window)]
    since, watermark, confirmed = _marks(places, living, ledger, served)
    _why(verdict, asked, places, scope)
    for place in places:
        _holes(verdict, place, ledger, max(window.after, served.get(place[:2], window.after)), window)
    known = [each for each in verdict.holes if not _explained(each, gaps)]
    _broken(verdict, [*gaps, *known], ledger.late, window)
    _ends(verdict, since, watermark, window)
    return Coverage(
        complete=not verdict.why,
        watched_since=since,
        watermark=watermark,
        confirmed=confirmed,
        gaps=sorted([*gaps, *known], key=lambda each: (each.from_, each.resource)),
        late=[each for each in ledger.late if _touches(each, window)],
        unwatched=verdict.unwatched,
        why=verdict.why,
    )


def _standing(ledger: _Ledger, asked: Sequence[KnownKind]) -> tuple[list[Place], list[Place]]:
    """The places that the answer rests on, and those of them whose watermark still has to move."""
    places = _expected(ledger, asked)
    return places, _living(places, ledger, asked)


def _expected(ledger: _Ledger, asked: Sequence[KnownKind]) -> list[Place]:
    """Every place whose record the answer rests on: where each watched kind was watched, for the namespaces asked."""
    wanted = {(each.cluster, each.id) for each in asked if each.watching in ("yes", "gone")}
    known = {(each.cluster, each.id) for each in asked}
    # A kind that the ledger knows and discovery does not (history without kinds records) counts as watched.
    wanted |= {place[:2] for place in ledger.watched if not asked and place[:2] not in known}
    places = [place for place in ledger.watched if place[:2] in wanted]
    everywhere = {place[:2] for place in places if place[2] == ""}
    return [place for place in places if place[2] == "" or place[:2] not in everywhere]


def _living(places: Sequence[Place], ledger: _Ledger, asked: Sequence[KnownKind]) -> list[Place]:
    """Places whose watermark still counts: the kind is served and watched."""
    gone = {(each.cluster, each.id) for each in asked if each.watching == "gone"}
    return [place for place in places if place[:2] not in gone and ledger.watched[place]]


def _marks(
    places: Sequence[Place], living: Sequence[Place], ledger: _Ledger, served: dict[tuple[str, str], datetime]
) -> tuple[datetime | None, datetime | None, datetime | None]:
    from_start = [place for place in places if place[:2] not in served] or list(places)
    since = max((ledger.watched[place][0].from_ for place in from_start), default=None)
    newest = [ledger.watched[place][-1] for place in (living or places)]
    watermark = min((each.to for each in newest), default=None)
    confirmed = min((each.confirmed for each in newest if each.confirmed is not None), default=None)
    return since, watermark, confirmed


def _unwatched(asked: Sequence[KnownKind], places: Sequence[Place], scope: Scope) -> list[Unwatched]:
    found = [
        Unwatched(cluster=each.cluster, resource=each.id, watching=each.watching, reason=each.reason)
        for each in asked
        if each.watching not in ("yes", "gone")
    ]
    for each in asked:
        refused = [name for name in each.forbidden_in if not scope.namespaces or name in scope.namespaces]
        if refused:
            reason = f"in {', '.join(refused)}"
            found.append(Unwatched(cluster=each.cluster, resource=each.id, watching="forbidden", reason=reason))
    found += [
        Unwatched(cluster=cluster, resource=kind, watching="namespaces", reason=f"only in {', '.join(namespaces)}")
        for (cluster, kind), namespaces in _partly(places).items()
        if not scope.namespaces or not set(scope.namespaces) <= set(namespaces)
    ]
    return found


def _partly(places: Sequence[Place]) -> dict[tuple[str, str], list[str]]:
    """The namespaces in which kinds are watched that are not watched everywhere."""
    found: dict[tuple[str, str], list[str]] = {}
    for cluster, kind, namespace in places:
        if namespace:
            found.setdefault((cluster, kind), []).append(namespace)
    return found


def _why(verdict: _Verdict, asked: Sequence[KnownKind], places: Sequence[Place], scope: Scope) -> None:
    """Clusters, kinds and namespaces that were asked for and are not watched."""
    spoiling = [
        each
        for each in verdict.unwatched
        if each.watching == "forbidden" or (scope.kinds and each.watching != "namespaces")
    ]
    for watching in dict.fromkeys(each.watching for each in spoiling):
        verdict.why.append(_not_watched(watching, [each for each in spoiling if each.watching == watching]))
    if not places and not verdict.why:
        verdict.why.append("Nothing that was asked for has ever been watched.")
    if not places:
        return
    seen = {place[:2] for place in places}
    waiting = [each.id for each in asked if each.watching == "yes" and (each.cluster, each.id) not in seen]
    missing = {name for found in _partly(places).values() for name in scope.namespaces if name not in found}
    known = {place[0] for place in places} | {each.cluster for each in asked}
    kinds = {(each.resource, each.group) for each in asked} | {split_kind_id(place[1]) for place in places}
    unknown = {
        "yet": waiting,
        "in namespace": sorted(missing - {CLUSTER_SCOPE}),
        "in cluster": [name for name in scope.clusters if name not in known],
        "at all": [kind_id(*kind) for kind in scope.kinds if kind not in kinds],
    }
    for what, names in unknown.items():
        if names:
            verdict.why.append(f"Not watched {what}: {_some(names)}.")


def _not_watched(watching: str, kinds: Sequence[Unwatched]) -> str:
    """One sentence, however many kinds it is about."""
    if len(kinds) == 1:
        reason = kinds[0].reason
        return f"{kinds[0].resource} is not watched ({watching}{': ' if reason else ''}{reason})."
    return f"{len(kinds)} kinds are not watched ({watching}): {_some([each.resource for each in kinds])}."


def _holes(verdict: _Verdict, place: Place, ledger: _Ledger, after: datetime, window: Window) -> None:
    """Time inside the window, after the first watch of this place and before its newest, that no interval covers."""
    cursor = after
    intervals = ledger.watched[place]
    first = min(intervals[0].from_, window.until)
    if window.after < after < first:
        verdict.holes.append(_span(place, after, first, "", "served by the cluster, but not watched yet"))
    for before, each in pairwise(intervals):
        start, end = max(before.to, cursor), min(each.from_, window.until)
        if start < end:
            verdict.holes.append(_span(place, start, end, "", "not watched"))


def _explained(hole: Span, gaps: Sequence[Span]) -> bool:
    """A gap record tells of the same time and place in better words."""
    return any(
        each.cluster == hole.cluster
        and each.resource == hole.resource
        and each.namespace in ("", hole.namespace)
        and each.from_ <= hole.from_ + LIVE_LAG
        and each.to >= hole.to - LIVE_LAG
        for each in gaps
    )


def _broken(verdict: _Verdict, gaps: Sequence[Span], late: Sequence[Span], window: Window) -> None:
    """What is missing within the window, and what may be on the wrong side of its edges."""
    if gaps:
        kinds = _kinds_of(gaps)
        verdict.why.append(f"There are gaps in this time ({kinds}): versions between may be missing.")
    for edge in dict.fromkeys((window.after, window.until)):
        if blurred := [each for each in late if each.from_ < edge < each.to]:
            verdict.why.append(
                f"Times around {rfc3339(_second(edge))} are estimates ({_kinds_of(blurred)}): "
                "a change may have been on the other side of it."
            )


def _ends(verdict: _Verdict, since: datetime | None, watermark: datetime | None, window: Window) -> None:
    """Whether the window lies inside of watched time, in sentences."""
    if since is not None and window.after < since:
        # Whole seconds, rounded so that no more is claimed than is known.
        verdict.why.append(f"Not everything was watched before {rfc3339(_second(since + _ALMOST))}.")
    if watermark is None:
        return
    if window.open_end and window.until - watermark <= LIVE_LAG:
        return
    if window.until > watermark:
        verdict.why.append(f"Known only up to {rfc3339(_second(watermark))}.")


def _second(moment: datetime) -> datetime:
    return moment.replace(microsecond=0)


def _touches(span: Span, window: Window) -> bool:
    if window.after == window.until:
        return span.from_ <= window.until <= span.to
    return span.from_ < window.until and span.to > window.after


def _span(place: Place, from_t: datetime, to_t: datetime, identity: str, reason: str) -> Span:
    return Span(
        id=identity, from_=from_t, to=to_t, cluster=place[0], resource=place[1], namespace=place[2], reason=reason
    )


def _kinds_of(spans: Sequence[Span]) -> str:
    return _some(list(dict.fromkeys(each.resource for each in spans)))


def _some(names: Sequence[str]) -> str:
    """The first few, and how many more."""
    shown = ", ".join(names[:5])
    return shown if len(names) <= 5 else f"{shown} and {len(names) - 5} more"
