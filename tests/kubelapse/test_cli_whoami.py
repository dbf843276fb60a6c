"""`whoami` says whom the server takes the caller for, and what they see."""

import json
from pathlib import Path

import httpx
import pytest
from click.testing import CliRunner, Result
from prometheus_client import CollectorRegistry

from kubelapse.cli.main import cli
from kubelapse.cli.session import Surroundings
from query.access import EVERYTHING, NOTHING, Grant, Reach
from query.app import create_app
from query.settings import QuerySettings
from tests.fakes.logins import FakeLogins, within
from tests.fakes.store import FakeStore
from tests.kubelapse.conftest import Run

WIDE = Reach(grants=(Grant(kinds=frozenset({("pods", "")})),))


@pytest.fixture
def network() -> httpx.ASGITransport:
    logins = FakeLogins(ann=within("lab", "shop", "test"), boss=EVERYTHING, wide=WIDE, idle=NOTHING)
    return httpx.ASGITransport(
        create_app(store=FakeStore(), settings=QuerySettings(), registry=CollectorRegistry(), logins=logins)
    )


def asked(network: httpx.ASGITransport, tmp_path: Path, token: str, *more: str) -> Result:
    (tmp_path / "token").write_text(token)
    around = Surroundings(environ={"KUBELAPSE_TOKEN_FILE": str(tmp_path / "token")}, transport=network)
    return CliRunner().invoke(cli, ["whoami", "--server", "http://localhost", *more], obj=around)


@pytest.mark.parametrize(
    ("token", "sees"),
    [
        ("ann", "what you may list in namespaces shop, test"),
        ("boss", "everything"),
        ("wide", "what you may list in the cluster"),
        ("idle", "nothing of what is recorded"),
    ],
)
def test_a_token_is_somebody_who_sees_something(
    network: httpx.ASGITransport, tmp_path: Path, token: str, sees: str
) -> None:
    assert asked(network, tmp_path, token).stdout.splitlines()[1].split(maxsplit=1) == [token, sees]
    assert asked(network, tmp_path, token, "-o", "name").stdout == f"{token}\n"
    assert json.loads(asked(network, tmp_path, token, "-o", "json").stdout)["user"] == token


def test_a_token_that_means_nobody_is_said_with_what_to_do(network: httpx.ASGITransport, tmp_path: Path) -> None:
    result = asked(network, tmp_path, "stranger")
    assert result.exit_code == 2
    assert "takes you for nobody" in result.stderr


def test_where_nobody_signs_in_it_says_so(run: Run) -> None:
    assert run("whoami").stdout.splitlines()[1].split("   ") == ["(nobody signs in there)", "everything"]
