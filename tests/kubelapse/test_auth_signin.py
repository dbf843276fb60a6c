"""People sign in with a browser, with a provider of identities on a real socket that is honest, broken or hostile."""

import hashlib
import json
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from fastapi import FastAPI
from prometheus_client import CollectorRegistry

from kubelapse.auth.codeflow import CodeFlow
from kubelapse.auth.discovery import AGAIN_AFTER, KEPT_FOR, Discovery
from kubelapse.auth.logins import ServerLogins
from kubelapse.auth.oidc import Issuer
from kubelapse.auth.tokens import StaticTokens
from query.access import EVERYTHING
from query.app import create_app
from query.assets import Assets
from query.budget import Budget
from query.callers import Caller
from query.settings import QuerySettings
from tests.fakes.provider import Provider, provided
from tests.fakes.store import FakeStore

NEAR, FAR = "http://localhost:7117", "https://history.example.org"
HTML = {"Accept": "text/html,*/*;q=0.8"}
STATIC = "static-token-of-a-machine"
ELSEWHERE = (
    "https://evil.example.org", "//evil.example.org", "/\\evil", "\\\\evil", "javascript:alert(1)", "../../x", "a/b",
    "changes?x\r\nSet-Cookie: a=b", "changes?\u2028", "changes#x", ".evil.example.org", "@evil", "%2f%2fevil",
)  # fmt: skip
PAGES = {"index.html": b"<!doctype html><title>Kubelapse</title>", "assets/a-1.js": b"1;"}


@pytest.fixture(scope="module")
def running() -> Iterator[Provider]:
    with provided() as provider:
        yield provider


@pytest.fixture
def provider(running: Provider) -> Iterator[Provider]:
    """The same for all tests, honest again after each."""
    yield running
    running.faults.clear()
    running.discovery.clear()
    running.asked.clear()
    running.secret = "s3cret/+=&"
    running.held.clear()


class Clock:
    """Of what is kept about the provider."""

    def __init__(self) -> None:
        self.ahead = 0.0

    def __call__(self) -> float:
        return time.monotonic() + self.ahead


class Person:
    """Somebody's browser: keeps cookies, sends the Origin of the page, goes where it is sent."""

    def __init__(self, app: FastAPI, base: str = NEAR) -> None:
        self.base = base
        self.http = httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=base, verify=False)

    async def sign_in(self, page: str = "") -> httpx.Response:
        """To the provider and back; the answer to the callback."""
        sent = await self.http.get("/auth/login", params={"next": page}, headers=HTML)
        assert sent.status_code == 303
        async with httpx.AsyncClient(verify=False) as outside:
            back = await outside.get(sent.headers["location"])
        return await self.http.get(back.headers["location"], headers=HTML)

    async def post(self, path: str, body: Any = None, origin: str | None = "", **more: str) -> httpx.Response:
        headers = {} if origin is None else {"Origin": origin or self.base}
        return await self.http.post(path, json=body, headers={**headers, **more})

    async def who(self) -> Any:
        return (await self.http.get("/api/v1/whoami")).json()


def application(provider: Provider, *, clock: Clock | None = None, secret: str | None = None, **more: Any) -> FastAPI:
    discovery = Discovery(provider.issuer, clock=clock or Clock(), patience=more.pop("patience", 10.0))
    issuer = Issuer(discovery, audience="kubelapse", user="sub", groups="groups", prefix="oidc:")
    flow = CodeFlow(discovery, issuer, client="kubelapse", secret=provider.secret if secret is None else secret)
    tokens = StaticTokens([_entry(STATIC, Caller(name="token:ci", reach=EVERYTHING))])
    app = create_app(
        store=FakeStore(),
        settings=QuerySettings(hosts=("history.example.org",), **more),
        registry=CollectorRegistry(),
        logins=ServerLogins(tokens, issuer, None, ["group:oidc:sre"], flow),
        ui=Assets(PAGES),
    )
    app.state.signin.failed = Budget(1e-9, 10, time.monotonic)  # it fills up again when nobody waits for it
    return app


def _entry(token: str, caller: Caller) -> tuple[bytes, Caller]:
    return hashlib.sha256(token.encode()).digest(), caller


@asynccontextmanager
async def browsing(app: FastAPI, base: str = NEAR) -> AsyncIterator[Person]:
    person = Person(app, base)
    async with person.http:
        yield person


async def test_a_browser_goes_to_the_provider_and_comes_back_signed_in(provider: Provider) -> None:
    async with browsing(application(provider)) as person:
        before = await person.who()
        back = await person.sign_in("changes?ns=shop&from=now-2h")
        assert (back.status_code, back.headers["location"]) == (303, "../changes?ns=shop&from=now-2h")
        after = await person.who()
    assert before == {
        "login": True, "user": "", "session": False, "everything": False, "namespaces": [],
        "provider": urlsplit(provider.issuer).netloc,
    }  # fmt: skip
    assert {**after, "provider": ""} == {
        "login": True, "user": "oidc:ann", "session": True, "everything": True, "provider": "", "namespaces": None,
    }  # fmt: skip


async def test_the_provider_is_asked_as_the_standard_says(provider: Provider) -> None:
    async with browsing(application(provider)) as person:
        await person.sign_in()
    asked = dict(provider.asked)
    first, code = asked["/authorize"], asked["/token"]
    assert first["scope"] == "openid email groups"
    assert first["redirect_uri"] == code["redirect_uri"] == f"{NEAR}/auth/callback"
    assert len(code["code_verifier"]) >= 43
    assert code["code_verifier"] not in str(first)
    assert provider.secret not in str(provider.asked)


@pytest.mark.parametrize("far", [False, True])
async def test_the_cookie_is_for_this_server_alone_and_holds_no_token(provider: Provider, far: bool) -> None:
    async with browsing(application(provider), FAR if far else NEAR) as person:
        answer = await person.sign_in()
    cookie = next(each for each in answer.headers.get_list("set-cookie") if "-session" in each)
    name, _, value = cookie.partition(";")[0].partition("=")
    assert name == ("__Host-kubelapse-session" if far else "kubelapse-session-7117")
    assert {"HttpOnly", "Path=/", "SameSite=lax"} <= set(cookie.split("; "))
    assert ("Secure" in cookie) is far
    assert len(value) == 43
    assert "Domain" not in cookie


@pytest.mark.parametrize(
    ("fault", "why"),
    [
        ("nonce", "strange"),
        ("audience", "strange"),
        ("azp", "strange"),
        ("expired", "strange"),
        ("none", "strange"),
        ("hs256", "strange"),
        ("iss", "strange"),
        ("denied", "refused"),
        ("500", "unavailable"),
    ],
)
async def test_nobody_gets_in_by_a_provider_that_is_broken_or_hostile(provider: Provider, fault: str, why: str) -> None:
    async with browsing(application(provider)) as person:
        await person.http.get("/auth/login")  # the provider's document is known from now on
        provider.faults.add(fault)
        back = await person.sign_in("drift")
        assert back.headers["location"] == f"../signin?why={why}&next=drift"
        assert (await person.who())["user"] == ""


async def test_a_slow_provider_is_not_waited_for(provider: Provider) -> None:
    provider.faults.add("slow")
    async with browsing(application(provider, patience=0.2)) as person:
        answer = await person.http.get("/auth/login")
    provider.held.set()
    assert answer.status_code == 503
    assert answer.json()["type"] == "urn:kubelapse:problem:login-unavailable"


async def test_a_provider_that_describes_another_is_not_believed(provider: Provider) -> None:
    for document in ({"issuer": "https://evil"}, {"jwks_uri": "http://10.0.0.1/keys"}):
        provider.discovery = document
        async with browsing(application(provider)) as person:
            assert (await person.http.get("/auth/login")).status_code == 503
    provider.discovery = {"token_endpoint": "http://10.0.0.1/token"}
    async with browsing(application(provider)) as person:
        assert (await person.sign_in()).headers["location"] == "../signin?why=unavailable"


async def test_a_wrong_secret_lets_nobody_in_and_stands_in_no_log(
    provider: Provider, caplog: pytest.LogCaptureFixture
) -> None:
    async with browsing(application(provider, secret="wrong-secret")) as person:
        assert (await person.sign_in()).headers["location"] == "../signin?why=refused"
    assert "invalid_client" in caplog.text
    assert "wrong-secret" not in caplog.text


@pytest.mark.parametrize("ways", [["client_secret_post"], ["none"]])
async def test_the_client_shows_itself_as_the_provider_wants(provider: Provider, ways: list[str]) -> None:
    provider.discovery = {"token_endpoint_auth_methods_supported": ways}
    if ways == ["none"]:
        provider.secret = ""
    async with browsing(application(provider)) as person:
        await person.sign_in()
        assert (await person.who())["user"] == "oidc:ann"


async def test_a_code_is_good_once_and_in_the_browser_that_began(provider: Provider) -> None:
    app = application(provider)
    async with browsing(app) as person, browsing(app) as other, httpx.AsyncClient(verify=False) as outside:
        sent = await person.http.get("/auth/login")
        back = (await outside.get(sent.headers["location"])).headers["location"]
        await other.http.get("/auth/login")
        for stranger, address in ((other, back), (person, back.replace("state=", "state=x"))):
            refused = await stranger.http.get(address, headers=HTML)
            assert refused.headers["location"] == "../signin?why=expired"
            assert (await stranger.who())["user"] == ""
        assert provider.codes
        await person.http.get("/auth/login")  # begun again: the state of before counts no more
        assert "why=expired" in (await person.http.get(back, headers=HTML)).headers["location"]


async def test_after_the_sign_in_there_is_no_way_to_elsewhere(provider: Provider) -> None:
    async with browsing(application(provider)) as person:
        for page in ELSEWHERE:
            assert (await person.sign_in(page)).headers["location"] == "../", page


async def test_no_page_can_lock_somebody_out_by_sending_them_back_without_a_sign_in(provider: Provider) -> None:
    async with browsing(application(provider)) as person:
        for _ in range(12):
            assert (await person.http.get("/auth/callback?state=a&code=b")).status_code == 403
            assert (await person.http.get("/auth/callback?error=x")).status_code == 403
        assert (await person.sign_in("drift")).headers["location"] == "../drift"


async def test_codes_that_mean_nothing_are_not_asked_for_again_and_again(provider: Provider) -> None:
    async with browsing(application(provider)) as person:
        answers = []
        for _ in range(12):
            sent = await person.http.get("/auth/login")
            state = parse_qs(urlsplit(sent.headers["location"]).query)["state"][0]
            answers.append((await person.http.get("/auth/callback", params={"state": state, "code": "x"})).status_code)
    assert answers == [403] * 10 + [429] * 2
    assert len([path for path, _ in provider.asked if path == "/token"]) == 10


async def test_every_sign_in_has_a_new_session_and_the_old_one_ends(provider: Provider) -> None:
    async with browsing(application(provider)) as person:
        await person.sign_in()
        old = dict(person.http.cookies)
        await person.sign_in()
        assert old["kubelapse-session-7117"] != person.http.cookies["kubelapse-session-7117"]
        person.http.cookies = httpx.Cookies(old)
        assert (await person.who())["user"] == ""


async def test_signing_out_ends_it_also_for_who_kept_the_cookie(provider: Provider) -> None:
    async with browsing(application(provider)) as person:
        await person.sign_in()
        kept = dict(person.http.cookies)
        assert (await person.post("/auth/logout", origin=None)).status_code == 403
        assert (await person.post("/auth/logout")).json()["user"] == ""
        assert "kubelapse-session-7117" not in person.http.cookies
        person.http.cookies = httpx.Cookies(kept)
        assert (await person.http.get("/api/v1/pins")).status_code == 401


async def test_with_a_cookie_nothing_changes_for_a_page_that_is_not_ours(provider: Provider) -> None:
    async with browsing(application(provider)) as person:
        await person.sign_in()
        for origin in ("", "https://evil.example.org", "null", "http://localhost", "http://localhost:80"):
            headers = {"Origin": origin} if origin else {}
            for method, path in (("POST", "/api/v1/notes"), ("PUT", "/api/v1/pins/a"), ("DELETE", "/api/v1/pins/a")):
                refused = await person.http.request(method, path, json={"text": "x"}, headers=headers)
                assert refused.status_code == 403, origin
                assert refused.json()["type"] == "urn:kubelapse:problem:foreign-origin"


async def test_with_a_cookie_our_page_writes_and_a_program_needs_no_origin(provider: Provider) -> None:
    async with browsing(application(provider)) as person:
        bearer = {"Authorization": f"Bearer {STATIC}"}
        strange = {"kind": "strange"}
        assert (await person.http.put("/api/v1/saved/a", json=strange, headers=bearer)).status_code == 400
        await person.sign_in()
        ours = await person.http.put("/api/v1/saved/a", json=strange, headers={"Origin": NEAR})
        assert ours.json()["type"] == "urn:kubelapse:problem:bad-reference"


async def test_a_token_opens_a_session_too_and_guessing_is_slowed_down(provider: Provider) -> None:
    async with browsing(application(provider)) as person:
        answer = await person.post("/auth/token", {"token": f" {STATIC}\n"})
        assert (answer.status_code, answer.json()["user"]) == (200, "token:ci")
        assert STATIC not in str(answer.headers)
        assert (await person.who())["session"]
        wrong = [await person.post("/auth/token", {"token": text}) for text in ("", "x" * 20_000, "a\nb", *"abcdefghi")]
        assert [each.status_code for each in wrong] == [401] * 10 + [429] * 2
        assert (await person.http.get("/api/v1/pins")).status_code != 429  # who is in already goes on
        foreign = await person.post("/auth/token", {"token": STATIC}, origin="https://evil.example.org")
        assert foreign.status_code == 403


async def test_a_session_goes_on_over_a_rotated_key_by_its_refresh_token(provider: Provider) -> None:
    clock = Clock()
    async with browsing(application(provider, clock=clock)) as person:
        await person.sign_in()
        provider.rotate()
        clock.ahead = KEPT_FOR
        assert (await person.who())["user"] == "oidc:ann"
        assert [form["grant_type"] for path, form in provider.asked if path == "/token"][1:] == ["refresh_token"]
        provider.rotate()
        provider.refreshes.clear()
        clock.ahead += KEPT_FOR
        assert (await person.who())["user"] == ""


async def test_a_new_key_is_known_at_once_and_an_outage_ends_no_session(provider: Provider) -> None:
    clock = Clock()
    async with browsing(application(provider, clock=clock)) as person:
        await person.sign_in()
        provider.rotate()
        clock.ahead = AGAIN_AFTER + 1
        await person.sign_in()
        assert (await person.who())["user"] == "oidc:ann"
        provider.faults.add("500")
        clock.ahead += KEPT_FOR
        for _ in range(2):
            assert (await person.http.get("/api/v1/whoami")).status_code == 503
        provider.faults.clear()
        clock.ahead += AGAIN_AFTER
        assert (await person.who())["user"] == "oidc:ann"


async def test_the_log_names_who_signs_in_and_out_and_never_what_they_showed(
    provider: Provider, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    async with browsing(application(provider)) as person:
        await person.sign_in()
        cookies = dict(person.http.cookies)
        await person.http.get("/api/v1/pins")
        await person.post("/auth/logout")
    lines = [json.loads(each.getMessage()) for each in caplog.records if each.name == "kubelapse.access"]
    assert [(each["user"], each["path"], each.get("signed", "")) for each in lines] == [
        ("oidc:ann", "/auth/callback", "in"), ("oidc:ann", "/api/v1/pins", ""), ("oidc:ann", "/auth/logout", "out"),
    ]  # fmt: skip
    token = dict(provider.asked)["/token"]
    ours = "\n".join(each.getMessage() for each in caplog.records if each.name.startswith(("kubelapse", "query")))
    assert not [each for each in (token["code"], token["code_verifier"], *cookies.values()) if each in ours]


async def test_the_pages_are_for_everybody_and_what_they_show_for_nobody(provider: Provider) -> None:
    async with browsing(application(provider)) as person:
        for path in ("/", "/changes", "/assets/a-1.js", "/signin?why=refused"):
            assert (await person.http.get(path, headers=HTML)).status_code == 200, path
        for path in (
            "/plain",
            "/metrics",
            "/openapi.json",
            "/api/v1/changes",
            "/api/v1/feed",
            "/kube/a/now/api",
            "/x/y",
        ):
            assert (await person.http.get(path, headers=HTML)).status_code == 401, path


async def test_behind_a_prefix_the_operator_says_where_browsers_come_back_to(provider: Provider) -> None:
    callback = "https://tools.example.org/kubelapse/auth/callback"
    async with browsing(application(provider, callback=callback)) as person:
        sent = await person.http.get("/auth/login")
    assert parse_qs(urlsplit(sent.headers["location"]).query)["redirect_uri"] == [callback]


async def test_where_nobody_signs_in_everybody_is_told_so() -> None:
    app = create_app(store=FakeStore(), settings=QuerySettings(), registry=CollectorRegistry(), ui=Assets(PAGES))
    async with browsing(app) as person:
        assert await person.who() == {
            "login": False, "user": "", "session": False, "everything": True, "provider": "", "namespaces": None,
        }  # fmt: skip
        assert (await person.http.get("/auth/login")).json()["type"] == "urn:kubelapse:problem:no-login"


async def test_routes_of_the_sign_in_are_measured_by_their_names(provider: Provider) -> None:
    app = application(provider)
    async with browsing(app) as person:
        await person.sign_in()
        measured = (await person.http.get("/metrics")).text
    assert 'kubelapse_http_requests_total{route="/auth/callback",status="303"} 1.0' in measured
