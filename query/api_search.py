"""Routes about values: where one stood and when, how one field went through all lives, who last touched a path."""

from collections.abc import Mapping
from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response

from query import coverage, search, userdata
from query.api_objects import object_asked
from query.coverage import Window
from query.errors import BadReference
from query.last_touched import last_touched
from query.models import Hidden
from query.models_search import FieldHistory, Found, Touches
from query.needles import IMAGES, Needle
from query.scope import CLUSTER_SCOPE, ChangeFilter, Scope
from query.search import Ask
from query.web import Here, Scoped, ScopeParams, Time, Toggle, Tz, Windowed, WindowParams, answer, moment
from schema.store import Store

router = APIRouter(tags=["changes"])

Paths = Annotated[list[str], Query(description="This path or anything below it: spec.replicas. Several: repeat.")]


@router.get("/search")
async def values(
    here: Here,
    request: Request,
    params: Scoped,
    window: Windowed,
    value: Annotated[str, Query(description="A text that values hold; `*` matches anything.")] = "",
    image: Annotated[str, Query(description="An image: when was it in a pod's containers, anywhere?")] = "",
    path: Paths = [],  # noqa: B006  # FastAPI reads the default, nobody changes it
    by: Annotated[str, Query(description="Only what this manager wrote; `*` matches anything.")] = "",
    exact: Annotated[Toggle, Query(description="on: the whole value, not a part of it.")] = "off",
    saved: Annotated[str, Query(description="The name of a saved search; what is given beside it counts.")] = "",
    limit: int = 100,
    cursor: str = "",
) -> Response:
    """Every object that ever held a value: from when to when, who brought and who ended it. Default: all of history."""
    now = here.clock()

    def question() -> Found:
        kept = _Saved(here.store, saved)
        chosen, times = kept.scope(params), kept.window(window)
        after, end = times.resolve(now, default=None)
        scope, known = chosen.resolve(here.store)
        needle = kept.needle(value=value, image=image, path=path, exact=exact)
        if needle.last:  # an image runs in pods
            scope = Scope(
                clusters=scope.clusters, namespaces=scope.namespaces, kinds=scope.kinds or (("pods", ""),),
                name=scope.name, selector=scope.selector,
            )  # fmt: skip
        ask = Ask(scope=scope, needle=needle, after=after, until=end.at, by=by or kept.text("by"), limit=limit)
        page = search.search(here.store, ask, cursor)
        begin = after or min([end.at, *(run.from_ for item in page.items for run in item.runs)])
        span = Window(after=begin, until=end.at, open_end=end.open_end)
        return Found(
            items=page.items,
            periods=search.periods(page.items),
            next=page.next or None,
            hidden=Hidden(),
            from_=after,
            to=end.at,
            coverage=coverage.assess(here.store, scope, span, kinds=known),
        )

    return await answer(here, question, request=request)


@router.get("/objects/{cluster}/{kind}/{namespace}/{name}/fields", tags=["one object"])
async def fields(
    here: Here,
    request: Request,
    cluster: str,
    kind: str,
    namespace: str,
    name: str,
    window: Windowed,
    path: str = "",
    uid: str = "",
) -> Response:
    """The values that a field had, over delete and recreate: also of fields that are gone. `path` "" = every field."""
    after, end = window.resolve(here.clock(), default=None)

    def question() -> FieldHistory:
        ref = object_asked(here, cluster, kind, namespace, name)
        scope = Scope(
            clusters=(ref.cluster,),
            namespaces=(ref.namespace or CLUSTER_SCOPE,),
            kinds=((ref.resource, ref.group),),
            name=ref.name,
        )
        needle = Needle(paths=(path,) if path else (), everything=not path)
        page = search.search(here.store, Ask(scope=scope, needle=needle, after=after, until=end.at))
        lives = sorted((each for each in page.items if not uid or each.uid == uid), key=lambda each: each.runs[0].from_)
        begin = after or min([end.at, *(each.runs[0].from_ for each in lives)])
        span = Window(after=begin, until=end.at, open_end=end.open_end)
        return FieldHistory(
            path=path, lives=lives, hidden=Hidden(), from_=after, to=end.at,
            coverage=coverage.assess(here.store, scope, span),
        )  # fmt: skip

    return await answer(here, question, request=request)


@router.get("/blame")
async def touched(
    here: Here,
    request: Request,
    params: Scoped,
    path: Paths = [],  # noqa: B006 - FastAPI's form of a repeated parameter
    by: Annotated[str, Query(description="Only where this manager or actor was among the writers.")] = "",
    at: Time = "",
    tz: Tz = "UTC",
    noise: Annotated[Toggle, Query(description="off: noise counts as touching.")] = "on",
    untouched: Annotated[Toggle, Query(description="off: only objects in which something changed there.")] = "on",
    limit: int = 500,
) -> Response:
    """Who last touched a path (`path=spec`), for every living object of a scope, newest first."""
    when = moment(at, now=here.clock(), tz=tz)

    def question() -> Touches:
        scope, known = params.resolve(here.store)
        if scope.selector is not None:
            raise BadReference("Who touched last is not told by label.", "Ask by kind, namespace or name.")
        paths = tuple(dict.fromkeys(each for each in path if each))
        chosen = ChangeFilter(scope=scope, paths=paths, by=by, noise=noise == "off", rules=here.settings.noise)
        items, more = last_touched(here.store, chosen, when.at, limit=limit, untouched=untouched == "on" and not by)
        begin = min([when.at, *(each.when for each in items)])
        span = Window(after=begin, until=when.at, open_end=when.open_end)
        return Touches(
            path=", ".join(paths), items=items, more=more, hidden=Hidden(), at=when.at,
            coverage=coverage.assess(here.store, scope, span, kinds=known),
        )  # fmt: skip

    return await answer(here, question, request=request)


def _search(store: Store, name: str) -> Mapping[str, object]:
    """Raises UnknownName, BadReference."""
    found = userdata.saved_question(store, name)
    if found.kind != "search":
        raise BadReference(f"{name} is a saved SQL query.", f"Ask it with kubelapse sql --saved {name}.")
    return found.params


class _Saved:
    """The parameters of a saved search; those that were given beside its name win."""

    def __init__(self, store: Store, name: str) -> None:
        self._query: Mapping[str, object] = _search(store, name) if name else {}

    def text(self, key: str) -> str:
        value = self._query.get(key)
        return ",".join(map(str, value)) if isinstance(value, list) else "" if value is None else str(value)

    def _list(self, key: str) -> list[str]:
        value = self._query.get(key)
        return [str(each) for each in value] if isinstance(value, list) else [str(value)] if value else []

    def scope(self, given: ScopeParams) -> ScopeParams:
        return ScopeParams(
            given.cluster or self._list("cluster"),
            given.namespace or self._list("namespace"),
            given.kind or self._list("kind"),
            given.name or self.text("name"),
            given.selector or self.text("selector"),
        )

    def window(self, given: WindowParams) -> WindowParams:
        start = given.start or self.text("from") or self.text("since")
        return WindowParams(start, given.end or self.text("to") or self.text("until"), given.tz)

    def needle(self, *, value: str, image: str, path: list[str], exact: str) -> Needle:
        value, image = value or self.text("value"), image or self.text("image")
        if value and image:
            raise BadReference("A value and an image are asked for.", "An image is a value: give one of both.")
        whole = exact == "on" or self.text("exact") == "on"
        if image:
            return Needle(value=image, exact=whole, paths=IMAGES, last="image")
        paths = tuple(dict.fromkeys(each for each in path if each)) or tuple(self._list("path"))
        return Needle(value=value, exact=whole, paths=paths)
