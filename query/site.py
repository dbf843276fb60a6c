"""What a browser gets: the web interface, or, where it was not built, the plain page and how to build it.

Every page of the interface is the same document; which page, and everything else about the view, is in the address. The
plain page needs no script and stays at `/plain`.
"""

from fastapi import APIRouter, Request
from fastapi.responses import Response
from starlette.exceptions import HTTPException

from query import assets, changes, coverage, inventory, page, problems
from query.assets import Asset, Assets
from query.changes import Ask
from query.coverage import Window
from query.errors import QueryError
from query.web import Filtered, Here, Windowed

RESERVED = frozenset({"plain", "metrics", "livez", "readyz", "version"})
"""Addresses of others that look like the name of a page."""


def shell(found: Assets, request: Request) -> Response | None:
    """The file at this address, or the document for a page's; the same for everybody, and None for all else."""
    name = request.url.path.removeprefix("/")
    asset = found.get(name or assets.INDEX) if name != assets.INDEX else None
    if asset is None and name not in RESERVED and _is_page(name, request):
        asset = found.get(assets.INDEX)
    return None if asset is None else _answer(asset, request)


def _is_page(name: str, request: Request) -> bool:
    return name.isascii() and name.isalpha() and "text/html" in request.headers.get("accept", "")


def site(found: Assets) -> APIRouter:
    """The routes; to be included after all others, since page names are caught by their shape."""
    router = APIRouter(include_in_schema=False)
    router.add_api_route("/plain", recent, methods=["GET"])
    router.add_api_route("/style.css", style, methods=["GET"])
    if not found.built:
        router.add_api_route("/", recent, methods=["GET"])
        return router

    @router.api_route("/{name:path}", methods=["GET", "HEAD"])
    async def file_or_page(request: Request, name: str) -> Response:  # noqa: ARG001 - FastAPI's form of "any path"
        """A built file, or the document for a page's address."""
        if (answer := shell(found, request)) is None:
            raise HTTPException(404)
        return answer

    return router


def _answer(asset: Asset, request: Request) -> Response:
    headers = {"ETag": asset.etag, "Cache-Control": asset.cache, "Vary": "Accept-Encoding"}
    if asset.name == assets.INDEX:
        headers["Content-Security-Policy"] = assets.POLICY
    if asset.etag in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    packed = "gzip" in request.headers.get("accept-encoding", "") and len(asset.packed) < len(asset.data)
    if packed:
        headers["Content-Encoding"] = "gzip"
    return Response(asset.packed if packed else asset.data, media_type=asset.media_type, headers=headers)


async def recent(here: Here, request: Request, params: Filtered, window: Windowed) -> Response:
    """Recent changes, newest first, as a plain page."""

    def question() -> page.View:
        after, end = window.resolve(here.clock())
        assert after is not None  # the default window has a start
        chosen, known = params.resolve(here.store)
        ask = Ask(filter=chosen, after=after, until=end.at, limit=page.SHOWN, newest_first=True)
        found = changes.changes(here.store, ask)
        span = Window(after=after, until=end.at, open_end=end.open_end)
        return page.View(
            items=found.items,
            hidden=found.hidden,
            coverage=coverage.assess(here.store, chosen.scope, span, kinds=known),
            after=after,
            until=end.at,
            clusters=inventory.cluster_names(here.store),
            params=asked,
            more=bool(found.next),
            unbuilt=request.url.path == "/",
        )

    asked, status = request.query_params.multi_items(), 200
    try:
        body = page.render(await here.readers.run(question))
    except QueryError as error:
        body, status = page.refusal(str(error), error.hint, asked), problems.of_query_error(error).status
    headers = {"Content-Security-Policy": page.POLICY, "Cache-Control": "no-cache"}
    return Response(body, status_code=status, media_type="text/html", headers=headers)


async def style() -> Response:
    """The plain page's style sheet."""
    return Response(page.style(), media_type="text/css", headers={"Cache-Control": "max-age=3600"})
