"""What stands before every route where callers sign in: budgets, outages, rights that end, the log of who asked."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, StreamingResponse
from starlette.routing import Route

from query.access import EVERYTHING, NOTHING, SCOPE_KEY
from query.callers import Grant
from query.login import Login
from query.settings import QuerySettings
from query.signin import SignIn
from tests.fakes.logins import FakeLogins, within


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def application(logins: FakeLogins, clock: Clock, **chosen: Any) -> Login:
    async def whole(request: Request) -> PlainTextResponse:
        return PlainTextResponse("all" if request.scope[SCOPE_KEY].everything else "part")

    async def stream(_: Request) -> StreamingResponse:
        async def items() -> AsyncIterator[bytes]:
            for number in range(100):
                clock.now += 1
                yield b"%d " % number
                await asyncio.sleep(0)

        return StreamingResponse(items())

    inner = Starlette(routes=[Route("/", whole), Route("/stream", stream), Route("/metrics", whole)])
    return Login(inner, SignIn(logins, length=3600, clock=clock), QuerySettings(**chosen), clock)


async def ask(app: Login, path: str = "/", token: str = "", **more: str) -> httpx.Response:
    headers = {"Authorization": f"Bearer {token}", **more} if token or more else {}
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://localhost") as client:
        return await client.get(path, headers=headers)


async def test_a_browser_gives_the_token_as_password() -> None:
    app = application(FakeLogins(ann=NOTHING), Clock())
    asked = await ask(app, Accept="text/html")
    assert asked.status_code == 401
    assert "Basic" in asked.headers["www-authenticate"]
    assert "Basic" not in (await ask(app, Accept="application/json")).headers["www-authenticate"]
    pair = base64.b64encode(b"whoever:ann").decode()
    assert (await ask(app, Authorization=f"Basic {pair}")).text == "part"
    assert (await ask(app, Authorization="Basic %%%")).status_code == 401


async def test_who_asks_too_often_is_told_to_wait_and_others_are_not() -> None:
    clock = Clock()
    app = application(FakeLogins(ann=NOTHING, bob=EVERYTHING), clock, rate=2.0)
    assert [(await ask(app, token="ann")).status_code for _ in range(5)] == [200, 200, 200, 200, 429]
    assert (await ask(app, token="bob")).text == "all"
    clock.now += 1
    assert (await ask(app, token="ann")).status_code == 200


async def test_guessing_tokens_is_slowed_down() -> None:
    app = application(FakeLogins(ann=NOTHING), Clock())
    found = [(await ask(app, token=f"guess-{number}")).status_code for number in range(12)]
    assert found == [401] * 10 + [429] * 2


async def test_when_nobody_can_be_asked_nobody_gets_an_answer() -> None:
    logins = FakeLogins(ann=EVERYTHING)
    logins.away = True
    answer = await ask(application(logins, Clock()), token="ann")
    assert answer.status_code == 503
    assert answer.json()["type"] == "urn:kubelapse:problem:login-unavailable"


async def test_metrics_count_everything_and_need_that_right() -> None:
    app = application(FakeLogins(ann=within("lab", "a"), boss=EVERYTHING), Clock())
    assert (await ask(app, "/metrics", token="ann")).status_code == 403
    assert (await ask(app, "/metrics", token="boss")).status_code == 200


@pytest.mark.parametrize("change", ["gone", "less", "away"])
async def test_a_stream_ends_when_the_rights_do(change: str) -> None:
    logins, clock = FakeLogins(ann=within("lab", "a", "b")), Clock()
    app = application(logins, clock, recheck=10.0)
    whole = await ask(app, "/stream", token="ann")
    assert whole.text.endswith("99 ")
    real = logins.admit

    async def admit(token: str) -> Any:
        if clock.now >= before + 30:
            logins.callers = {} if change == "gone" else {"ann": within("lab", "a")}
            logins.away = change == "away"
        return await real(token)

    before = clock.now
    logins.admit = admit  # type: ignore[method-assign]  # the world changes while the stream runs
    cut = await ask(app, "/stream", token="ann")
    assert cut.status_code == 200
    assert 20 <= len(cut.text.split()) <= 40


async def test_signing_out_ends_what_the_browser_follows() -> None:
    clock = Clock()
    app = application(FakeLogins(ann=NOTHING), clock, recheck=10.0)
    signin = app._signin
    session = signin.sessions.begin(Grant(token="ann"), "ann")
    cookie = {"Cookie": f"kubelapse-session-={session}"}
    assert (await ask(app, "/stream", **cookie)).text.endswith("99 ")
    clock.now += 1
    real = signin.sessions.admit

    async def admit(name: str) -> Any:
        if clock.now >= 130:
            signin.sessions.end(name)
        return await real(name)

    signin.sessions.admit = admit  # type: ignore[method-assign]  # they sign out in another tab while it runs
    assert 20 <= len((await ask(app, "/stream", **cookie)).text.split()) <= 40


async def test_no_cache_between_keeps_what_is_for_one() -> None:
    answer = await ask(application(FakeLogins(ann=NOTHING), Clock()), token="ann")
    assert answer.headers["cache-control"] == "private, no-cache"
    assert {"authorization", "cookie"} <= set(answer.headers["vary"].lower().split(", "))


async def test_who_asked_what_is_logged_and_not_what_was_answered(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", logger="kubelapse.access")
    app = application(FakeLogins(ann=NOTHING), Clock())
    await ask(app, "/?q=x%0ayy", token="ann")
    line = json.loads(caplog.records[-1].getMessage())
    assert (line["user"], line["path"], line["query"], line["status"]) == ("ann", "/", "q=x\nyy", 200)
    assert "part" not in caplog.text
    assert "\n" not in caplog.records[-1].getMessage()
