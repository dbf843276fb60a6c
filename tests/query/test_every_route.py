"""Whatever is asked of whatever route the document knows: an answer or a problem, never a crash.

schemathesis makes the questions from the OpenAPI document, valid ones and others; each is asked as it is, and with the
names of an object that is recorded.
"""

import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis.errors import Unsatisfiable
from prometheus_client import CollectorRegistry
from schemathesis import GenerationMode
from schemathesis.core import NotSet
from schemathesis.core.result import Ok
from starlette.testclient import TestClient

from kubelapse.auth.codeflow import CodeFlow
from kubelapse.auth.discovery import Discovery
from kubelapse.auth.oidc import Issuer
from query.access import NOTHING
from query.app import create_app
from query.problems import MEDIA_TYPE
from query.settings import QuerySettings
from schema.chdb import ChdbStore
from schema.migrate import migrate
from tests.fakes.history import History, at
from tests.fakes.logins import FakeLogins
from tests.fakes.provider import provided
from tests.fakes.store import FakeStore
from tests.query.asked import FOR_EVERYBODY, SIGN_IN_POSTS

EACH = 2
"""Questions of each sort to each route, asked twice: enough for a gate of half a minute."""
STREAMS = {"/api/v1/feed"}
"""End with the server only."""
SIGNING_IN = SIGN_IN_POSTS | FOR_EVERYBODY
"""Asked by themselves, where callers sign in."""
NAMES = {"cluster": "lab", "kind": "configmaps", "namespace": "shop", "name": "settings"}


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    path: Path = tmp_path_factory.mktemp("store")
    store = ChdbStore.open(path)
    migrate(store)
    history = History("lab")
    history.watch(from_=0, to=999)
    history.put("configmaps", "shop/settings", {"data": {"a": "1"}}, at=1, by="helm", labels={"app": "web"})
    history.put("configmaps", "shop/settings", {"data": {"a": "2"}}, at=2, by="kubectl", labels={"app": "web"})
    history.store(store)
    chosen = QuerySettings(audit_log=True)
    app = create_app(store=store, settings=chosen, registry=CollectorRegistry(), clock=lambda: at(1000))
    with TestClient(app, base_url="http://localhost", client=("127.0.0.1", 1), raise_server_exceptions=False) as found:
        yield found
    store.close()


@pytest.mark.timeout(300)
def test_every_question_has_an_answer_or_a_problem(client: TestClient) -> None:
    document = client.get("/openapi.json").json()
    schema = schemathesis.openapi.from_dict(document)
    found = [each.ok() for each in schema.get_all_operations() if isinstance(each, Ok)]
    asked = [operation for operation in found if operation.path not in STREAMS | SIGNING_IN]
    rest = [methods for path, methods in document["paths"].items() if path not in STREAMS | SIGNING_IN]
    assert len(asked) == sum(map(len, rest))
    wrong: list[str] = []
    for operation in asked:
        wrong += _questions(client, operation, GenerationMode.POSITIVE)
        if _can_be_asked_wrongly(operation.definition.raw):
            wrong += _questions(client, operation, GenerationMode.NEGATIVE)
    assert not wrong


def test_who_signs_in_has_an_answer_or_a_problem_too() -> None:
    """The same of the routes to and from a provider, where callers sign in; of the history they see nothing."""
    with provided() as provider:
        discovery = Discovery(provider.issuer, clock=time.monotonic)
        issuer = Issuer(discovery, audience="kubelapse", user="sub", groups="groups", prefix="")
        logins = FakeLogins(ann=NOTHING)
        logins.provider = CodeFlow(discovery, issuer, client="kubelapse", secret=provider.secret)
        app = create_app(store=FakeStore(), settings=QuerySettings(), registry=CollectorRegistry(), logins=logins)
        wrong: list[str] = []
        with TestClient(
            app, base_url="http://localhost", raise_server_exceptions=False, follow_redirects=False
        ) as client:
            found = schemathesis.openapi.from_dict(app.openapi()).get_all_operations()
            asked = [each.ok() for each in found if isinstance(each, Ok)]
            here = [each for each in asked if each.path in SIGNING_IN]
            assert {each.path for each in here} == SIGNING_IN
            for operation in here:
                client.get("/auth/login")
                wrong += _questions(client, operation, GenerationMode.POSITIVE)
                if _can_be_asked_wrongly(operation.definition.raw):
                    wrong += _questions(client, operation, GenerationMode.NEGATIVE)
    assert not wrong


def _can_be_asked_wrongly(operation: Mapping[str, Any]) -> bool:
    """Any text is a name, and any JSON a document: to look for a wrong one there takes long and ends with nothing."""
    content = operation.get("requestBody", {}).get("content", {})
    bodies = [each["schema"] for each in content.values() if each["schema"].keys() & {"$ref", "properties"}]
    return bool(bodies) or any(each["in"] == "query" for each in operation.get("parameters", []))


def _questions(client: TestClient, operation: Any, mode: GenerationMode) -> list[str]:
    """What was answered otherwise; nothing is made smaller for it, a gate has no time."""
    wrong: list[str] = []

    @settings(
        max_examples=EACH, deadline=None, database=None, suppress_health_check=list(HealthCheck), derandomize=True
    )
    @given(case=operation.as_strategy(generation_mode=mode))
    def ask(case: Any) -> None:
        wrong.extend(_ask(client, case))
        case.path_parameters = {name: NAMES.get(name, value) for name, value in (case.path_parameters or {}).items()}
        wrong.extend(_ask(client, case))

    with suppress(Unsatisfiable):  # nothing about this route can be asked wrongly
        ask()
    return wrong


def _ask(client: TestClient, case: Any) -> list[str]:
    body: dict[str, Any] = {} if isinstance(case.body, NotSet) else {"json": case.body}
    try:
        answer = client.request(case.method, case.formatted_path, params=case.query, **body)
    except (UnicodeError, httpx.InvalidURL, TypeError, ValueError):
        return []  # no client could send it
    fine = answer.status_code < 400
    if 400 <= answer.status_code < 500 and answer.headers["content-type"] == MEDIA_TYPE:
        fine = answer.json()["status"] == answer.status_code and bool(answer.json()["detail"])
    said = f"{case.method} {case.formatted_path} {case.query} {body}: {answer.status_code} {answer.text}"
    return [] if fine else [said[:600]]
