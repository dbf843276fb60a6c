"""What an API server answers over HTTP becomes bytes, pages and named errors; nothing of it is lost on the way."""

import asyncio
import gzip
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from datetime import UTC, datetime
from random import Random

import aiohttp
import pytest
import pytest_asyncio
from aiohttp import web
from aiohttp.test_utils import TestServer

from collector import kubeapi
from collector.clock import utc_now
from collector.cluster import (
    BadAnswer,
    Busy,
    ClusterError,
    Expired,
    Forbidden,
    NotServed,
    Silent,
    StreamingRefused,
    TooLargeVersion,
    Unauthorized,
    Unreachable,
)
from collector.errors import CredentialsError
from collector.kubeapi import KubeApi
from tests.fakes.cluster import added, kind, obj

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
PODS = kind("pods")
SECRET = "tok3n"


class Access:
    """Reaches a test server; `refresh` gives the next of `tokens`."""

    proxy = tls_name = ""

    def __init__(self, server: str, *tokens: str) -> None:
        self.server, self.tokens, self.refreshed = server, [*tokens] or [SECRET], 0
        self.error: CredentialsError | None = None

    def connector(self) -> aiohttp.BaseConnector:
        return aiohttp.TCPConnector(limit=0)

    async def headers(self) -> Mapping[str, str]:
        return {"Authorization": f"Bearer {self.tokens[0]}"}

    async def refresh(self) -> bool:
        self.refreshed += 1
        if self.error is not None:
            raise self.error
        if len(self.tokens) == 1:
            return False
        self.tokens.pop(0)
        return True


class Dates:
    """Keeps what it is told of the server's clock."""

    def __init__(self) -> None:
        self.seen: list[tuple[datetime, datetime, datetime]] = []

    def observe(self, date: datetime, *, sent: datetime, received: datetime) -> None:
        self.seen.append((date, sent, received))


class Bench:
    """A server whose handler a test writes, and a KubeApi that asks it."""

    def __init__(self) -> None:
        self.handler: Handler = self._nothing
        self.requests: list[web.Request] = []
        self.dates = Dates()
        self.server = TestServer(self._app())

    def _app(self) -> web.Application:
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._handle)
        return app

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        self.requests.append(request)
        return await self.handler(request)

    async def _nothing(self, _: web.Request) -> web.StreamResponse:
        return web.Response(status=404)

    def answer(self, body: str | bytes, status: int = 200, headers: Mapping[str, str] | None = None) -> None:
        raw = body.encode() if isinstance(body, str) else body

        async def handler(_: web.Request) -> web.StreamResponse:
            return web.Response(body=raw, status=status, headers=headers)

        self.handler = handler

    def stream(self, *chunks: bytes, tear: bool = False, hold: bool = False) -> None:
        """A watch; `tear`: the connection is cut in its middle, `hold`: it stays open and silent."""

        async def handler(request: web.Request) -> web.StreamResponse:
            response = web.StreamResponse()
            await response.prepare(request)
            for chunk in chunks:
                await response.write(chunk)
            if tear and request.transport is not None:
                request.transport.abort()
            if hold:
                await asyncio.sleep(5)
            return response

        self.handler = handler

    async def start(self) -> None:
        await self.server.start_server()
        self.access = Access(str(self.server.make_url("")).rstrip("/"))
        self.api = KubeApi(self.access, skew=self.dates, clock=utc_now, random=Random(1), user_agent="kubelapse/9")

    async def read(self, *, rv: str = "7", initial: bool = False) -> bytes:
        got = b""
        async with self.api.watch(PODS, "", rv=rv, initial=initial) as chunks:
            async for chunk in chunks:
                got += chunk
        return got


@pytest_asyncio.fixture
async def bench() -> AsyncIterator[Bench]:
    made = Bench()
    await made.start()
    yield made
    await made.api.close()
    await made.server.close()


# ---- lists -----------------------------------------------------------------------------------------------------------


async def test_an_exact_list_is_asked_for_by_its_version_and_then_by_its_token(bench: Bench) -> None:
    bench.answer('{"metadata":{"resourceVersion":"5"},"items":[{"metadata":{"name":"a"}}]}')
    page = await bench.api.exact(PODS, "shop", rv="5", name="a", limit=1, metadata=True)
    assert [*page.items] == [b'{"metadata":{"name":"a"}}']
    await bench.api.exact(PODS, "shop", rv="5", more="token", limit=0)
    first, second = bench.requests
    assert first.headers["Accept"].startswith("application/json;as=PartialObjectMetadataList")
    assert dict(first.query) == {
        "fieldSelector": "metadata.name=a",
        "limit": "1",
        "resourceVersion": "5",
        "resourceVersionMatch": "Exact",
    }
    assert dict(second.query) == {"continue": "token"}


async def test_a_server_that_answers_an_exact_list_with_a_newer_one_is_not_believed(bench: Bench) -> None:
    bench.answer('{"metadata":{"resourceVersion":"9"},"items":[]}')
    with pytest.raises(BadAnswer, match="version 9"):
        await bench.api.exact(PODS, "", rv="5")


async def test_a_page_is_cut_into_its_items_byte_by_byte(bench: Bench) -> None:
    first, second = '{"a" : 1.0, "b":"\\u00e9"}', '{"metadata":{"name":"x"}}'
    bench.answer(f'{{"metadata":{{"resourceVersion":"9","continue":"c"}},"items":[{first}, {second}]}}')
    page = await bench.api.page(PODS, "shop", more="before", limit=50)
    assert (list(page.items), page.rv, page.more) == ([first.encode(), second.encode()], "9", "c")
    assert bench.requests[0].path == "/api/v1/namespaces/shop/pods"
    assert dict(bench.requests[0].query) == {"limit": "50", "continue": "before"}


@pytest.mark.parametrize("items", ["null", "[]"])
async def test_no_items_are_an_empty_page(bench: Bench, items: str) -> None:
    bench.answer(f'{{"metadata":{{"resourceVersion":"9"}},"items":{items}}}')
    assert list((await bench.api.page(PODS, "")).items) == []


@pytest.mark.parametrize(
    "body", ["<html>", '{"items":[]}', '{"metadata":{}}', "", '{"metadata":{"resourceVersion":"1"}']
)
async def test_what_is_no_list_is_a_bad_answer_without_its_content(bench: Bench, body: str) -> None:
    bench.answer(body)
    with pytest.raises(BadAnswer):
        await bench.api.page(PODS, "")


async def test_an_item_too_deep_to_be_parsed_does_not_cost_its_page(bench: Bench) -> None:
    deep = '{"a":' * 5000 + "1" + "}" * 5000
    bench.answer(f'{{"metadata":{{"resourceVersion":"9","continue":"c"}},"items":[{deep},{{"b":2}}]}}')
    page = await bench.api.page(PODS, "")
    assert (page.rv, page.more, page.items) == ("9", "c", [deep.encode(), b'{"b":2}'])


async def test_a_list_may_come_compressed(bench: Bench) -> None:
    body = gzip.compress(b'{"metadata":{"resourceVersion":"9"},"items":[{"a":1}]}')
    bench.answer(body, headers={"Content-Encoding": "gzip"})
    assert list((await bench.api.page(PODS, "")).items) == [b'{"a":1}']


# ---- watches ---------------------------------------------------------------------------------------------------------


async def test_a_watch_gives_every_byte_and_a_clean_end(bench: Bench) -> None:
    lines = [added(obj(f"o{number}", rv=str(number))) for number in range(100)]
    bench.stream(*lines)
    assert await bench.read() == b"".join(lines)


async def test_a_watch_asks_for_bookmarks_an_end_and_no_compression(bench: Bench) -> None:
    bench.stream()
    await bench.read(rv="7")
    request = bench.requests[0]
    assert (request.query["resourceVersion"], request.query["allowWatchBookmarks"]) == ("7", "true")
    assert 300 <= int(request.query["timeoutSeconds"]) <= 600
    assert request.headers["Accept-Encoding"] == "identity"
    assert request.headers["User-Agent"] == "kubelapse/9"
    assert "sendInitialEvents" not in request.query


async def test_a_streaming_list_asks_for_its_initial_events(bench: Bench) -> None:
    bench.stream()
    await bench.read(rv="", initial=True)
    query = bench.requests[0].query
    assert (query["sendInitialEvents"], query["resourceVersionMatch"]) == ("true", "NotOlderThan")
    assert "resourceVersion" not in query


async def test_a_connection_that_is_cut_is_unreachable_after_what_came(bench: Bench) -> None:
    bench.stream(b"some", b"thing", tear=True)
    with pytest.raises(Unreachable):
        await bench.read()


async def test_a_silent_connection_is_told_from_a_broken_one(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kubeapi, "SILENCE", 0.05)
    bench.stream(b"line\n", hold=True)
    with pytest.raises(Silent):
        await bench.read()


async def test_what_goes_wrong_in_the_readers_hands_is_not_taken_for_the_servers_fault(bench: Bench) -> None:
    bench.stream(b"line\n")
    with pytest.raises(OSError, match="disk full"):
        async with bench.api.watch(PODS, "", rv="1", initial=False):
            raise OSError("disk full")


async def test_150_watches_at_once_are_all_open(bench: Bench) -> None:
    everyone, open_now = asyncio.Event(), 0

    async def handler(request: web.Request) -> web.StreamResponse:
        nonlocal open_now
        response = web.StreamResponse()
        await response.prepare(request)
        open_now += 1
        if open_now == 150:
            everyone.set()
        await everyone.wait()
        return response

    bench.handler = handler
    await asyncio.wait_for(asyncio.gather(*(bench.read() for _ in range(150))), 20)


# ---- refusals --------------------------------------------------------------------------------------------------------

TOO_LARGE = '{"code":504,"details":{"causes":[{"reason":"ResourceVersionTooLarge"}],"retryAfterSeconds":1}}'


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        (400, "", BadAnswer),
        (401, "", Unauthorized),
        (403, "", Forbidden),
        (404, "404 page not found", NotServed),
        (410, '{"reason":"Expired"}', Expired),
        (422, "", BadAnswer),
        (429, "", Busy),
        (500, '{"reason":"InternalError"}', Busy),
        (503, "<html>no backend</html>", Busy),
        (504, TOO_LARGE, TooLargeVersion),
        (302, "", BadAnswer),
    ],
)
async def test_a_refusal_is_named(bench: Bench, status: int, body: str, expected: type[ClusterError]) -> None:
    bench.answer(body, status)
    with pytest.raises(ClusterError) as caught:
        await bench.read()
    assert type(caught.value) is expected
    assert f"HTTP {status}" in str(caught.value)


@pytest.mark.parametrize("status", [400, 422])
async def test_a_server_that_does_not_know_streaming_lists_says_so(bench: Bench, status: int) -> None:
    bench.answer('{"message":"sendInitialEvents is forbidden for watch"}', status)
    with pytest.raises(StreamingRefused):
        await bench.read(rv="", initial=True)


async def test_retry_after_is_heard_from_header_and_body(bench: Bench) -> None:
    bench.answer("", 429, {"Retry-After": "7"})
    with pytest.raises(Busy) as caught:
        await bench.read()
    assert caught.value.retry_after == 7
    bench.answer(TOO_LARGE, 504)
    with pytest.raises(TooLargeVersion) as too_large:
        await bench.read()
    assert too_large.value.retry_after == 1


async def test_after_a_401_new_credentials_are_tried_once(bench: Bench) -> None:
    bench.access.tokens = ["old", "new"]

    async def handler(request: web.Request) -> web.StreamResponse:
        fresh = request.headers["Authorization"] == "Bearer new"
        return web.json_response({"metadata": {"resourceVersion": "1"}}, status=200 if fresh else 401)

    bench.handler = handler
    assert (await bench.api.page(PODS, "")).rv == "1"
    assert bench.access.refreshed == 1


async def test_credentials_that_cannot_be_renewed_are_said_without_the_token(bench: Bench) -> None:
    bench.answer("", 401)
    bench.access.error = CredentialsError("the plugin aws gave nothing; log in again")
    with pytest.raises(Unauthorized, match="log in again") as caught:
        await bench.read()
    assert SECRET not in str(caught.value)


async def test_a_server_that_is_not_there_is_named(bench: Bench) -> None:
    await bench.server.close()
    with pytest.raises(Unreachable, match=r"127\.0\.0\.1.*does not answer"):
        await bench.api.uid()


# ---- identity and clock ----------------------------------------------------------------------------------------------


async def test_the_cluster_is_known_by_its_kube_system_namespace(bench: Bench) -> None:
    bench.answer('{"metadata":{"uid":"u-1"}}')
    assert await bench.api.uid() == "u-1"
    assert bench.requests[0].path == "/api/v1/namespaces/kube-system"


async def test_every_answer_teaches_the_servers_clock(bench: Bench) -> None:
    bench.answer("", 503, {"Date": "Sun, 01 Mar 2026 12:00:05 GMT"})
    with pytest.raises(Busy):
        await bench.api.uid()
    (seen,) = bench.dates.seen
    assert seen[0] == datetime(2026, 3, 1, 12, 0, 5, tzinfo=UTC)
    assert seen[1] <= seen[2]


async def test_a_date_that_is_none_says_nothing(bench: Bench) -> None:
    bench.answer("{}", 503, {"Date": "yesterday"})
    with pytest.raises(Busy):
        await bench.api.uid()
    assert bench.dates.seen == []
