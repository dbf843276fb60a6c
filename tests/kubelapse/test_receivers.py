"""Receivers from the settings: what is read, what is refused in which words, and what they are like over the API."""

from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner
from starlette.applications import Starlette
from starlette.testclient import TestClient

from kubelapse.cli.main import cli
from kubelapse.cli.session import Surroundings
from kubelapse.observe import new_registry
from kubelapse.receivers import routes
from kubelapse.server import make_app
from kubelapse.setting import SettingError
from kubelapse.settings import Settings
from kubelapse.settings_feeds import OTLP_HEADERS, pairs, read_webhooks
from query.noise_rules import NONE
from schema.chdb import ChdbStore
from tests.fakes.history import History, at

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
Write = Callable[[str], Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    (tmp_path / "secret").write_text(f"{SECRET}\n")
    (tmp_path / "canary").write_text("canary-no-secret\n")

    def written(text: str) -> Path:
        file = tmp_path / "webhooks.toml"
        file.write_text(text.replace("DIR", str(tmp_path)))
        return file

    return written


ENTRY = '[[webhook]]\nname = "ci"\nurl = "https://ci.example.org/hook?token=canary"\nsecret_file = "DIR/secret"\n'


def test_a_webhook_is_read_with_its_filter(write: Write) -> None:
    (entry,) = read_webhooks(write(f'{ENTRY}batch = 5\n[webhook.filter]\nnamespace = ["shop"]\nnoise = "off"\n'))
    assert (entry.name, entry.batch, entry.tries, entry.timeout) == ("ci", 5, 10, 10.0)
    assert (entry.wanted.lists, entry.wanted.toggles) == ({"namespace": ["shop"]}, {"noise": False})
    assert "canary" not in repr(entry.secrets) + repr(entry).replace(entry.url, "")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "hold \\[\\[webhook\\]\\]"),
        ("webhook = 1", "hold \\[\\[webhook\\]\\]"),
        (ENTRY + ENTRY, "same name"),
        (ENTRY.replace("https:", "ftp:"), "begins with http"),
        (ENTRY.replace("https://", "https://user:canary@"), "without a user"),
        (ENTRY.replace("https://ci.example.org", "file:///etc/passwd"), "begins with http"),
        (ENTRY.replace('"ci"', '"Big Name"'), "needs a name"),
        (ENTRY.replace("secret_file", "authorization_file"), "needs a secret_file"),
        (ENTRY.replace("DIR/secret", "DIR/canary"), "begins with whsec_"),
        (ENTRY.replace("DIR/secret", "DIR/none"), "cannot be read"),
        (ENTRY + 'retries = "5"', "unknown key 'retries'"),
        (ENTRY + "batch = 0", "1 to 500"),
        (ENTRY + 'timeout = "soon"', "timeout: expected a length of time"),
        (ENTRY + '[webhook.filter]\nnamespaces = ["a"]', "unknown key 'namespaces'"),
        (ENTRY + '[webhook.filter]\nnamespace = "a"', "list of texts"),
        (ENTRY + "[webhook.filter]\nnoise = true", 'expected to be "on" or "off"'),
    ],
)
def test_what_cannot_be_meant_is_refused_without_telling_a_secret(write: Write, text: str, said: str) -> None:
    with pytest.raises(SettingError, match=said) as error:
        read_webhooks(write(text))
    assert "canary" not in str(error.value).replace("DIR/canary", "").replace("/canary cannot", "")


def test_headers_for_logs_are_pairs_and_never_told() -> None:
    assert pairs(OTLP_HEADERS, "api-key=a%20b, x=1") == {"api-key": "a b", "x": "1"}
    with pytest.raises(SettingError, match="expected name=value") as error:
        pairs(OTLP_HEADERS, "canary")
    assert "canary" not in str(error.value)


def test_without_settings_nothing_is_sent() -> None:
    assert not routes(Settings({}, {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector:4318"}, {}), NONE, lambda: at(0))


@pytest.fixture
def make(store: ChdbStore, write: Write) -> Callable[[], Starlette]:
    """An application that sends to nobody: nothing listens at port 1 of this machine."""
    told = History("lab-receivers")
    told.put("configmaps", "shop/a", {}, at=1)
    told.store(store)
    file = write(ENTRY.replace("https://ci.example.org", "http://127.0.0.1:1"))
    chosen = Settings({}, {"KUBELAPSE_WEBHOOKS_FILE": str(file)}, {})
    return lambda: make_app(store, new_registry(), chosen=chosen, evaluate=True)


@pytest.fixture
def client(make: Callable[[], Starlette]) -> TestClient:
    return TestClient(make(), base_url="http://localhost/api/v1", client=("127.0.0.1", 1))


def test_receivers_are_listed_without_their_secrets(client: TestClient) -> None:
    with client:
        answer = client.get("/webhooks")
    (item,) = answer.json()["items"]
    assert (item["name"], item["kind"], item["address"]) == ("ci", "webhook", "http://127.0.0.1:1/hook")
    assert "canary" not in answer.text


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        ((), 0, "http://127.0.0.1:1/hook"),
        (("dead", "ci", "-o", "json"), 0, '"items": []'),
        (("replay", "ci"), 2, "say what to send again"),
        (("replay", "ci", "--from", "2h"), 0, "ci is sent everything since 2h again"),
        (("replay", "ci", "--dead-letters"), 0, "ci is sent its dead letters again"),
        (("dead", "other"), 2, "Nothing is sent to 'other' from here"),
    ],
    ids=str,
)
def test_the_command_line_tells_the_same(
    make: Callable[[], Starlette], arguments: tuple[str, ...], code: int, said: str
) -> None:
    around = Surroundings(environ={}, clock=lambda: at(100), app=make)
    told = CliRunner().invoke(cli, ["webhook", *arguments], obj=around)
    assert said in told.output
    assert told.exit_code == code


def test_a_replay_says_what_it_sends(client: TestClient) -> None:
    with client:
        assert client.post("/webhooks/ci/replay", json={"from": "2h"}).status_code == 200
        assert client.post("/webhooks/ci/replay", json={"dead_letters": True}).status_code == 200
        assert client.get("/webhooks/ci/dead-letters").json() == {"items": []}


@pytest.mark.parametrize("body", [{}, {"from": "2h", "dead_letters": True}, {"from": "soonish"}, {"form": "2h"}])
def test_a_replay_of_nothing_is_refused(client: TestClient, body: dict[str, object]) -> None:
    with client:
        assert client.post("/webhooks/ci/replay", json=body).status_code == 400
        assert client.post("/webhooks/other/replay", json={"from": "2h"}).status_code == 404
