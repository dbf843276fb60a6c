"""The recorded incident, asked about rollouts, values, noise and people: a real control plane's own history."""

import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime

import orjson
import pytest
from click.testing import CliRunner, Result
from prometheus_client import CollectorRegistry

from kubelapse.cli.main import cli
from kubelapse.cli.session import Surroundings
from kubelapse.demo import loader
from kubelapse.server import offline_app
from schema.chdb import ChdbStore
from schema.migrate import migrate

NOW = datetime(2026, 11, 22, 3, 25, tzinfo=UTC)
TIME = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d")
Ask = Callable[..., Result]


@pytest.fixture(scope="module")
def incident(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ChdbStore]:
    """The bundle that ships."""
    store = ChdbStore.open(tmp_path_factory.mktemp("incident"))
    migrate(store)
    loader.load(store, loader.bundled(), end=NOW, registry=CollectorRegistry())
    yield store
    store.close()


@pytest.fixture
def ask(incident: ChdbStore) -> Ask:
    """`ask("rollouts")` at the end of the incident."""

    def invoke(*args: str) -> Result:
        around = Surroundings(environ={}, clock=lambda: NOW, app=lambda: offline_app(incident, lambda: NOW))
        return CliRunner().invoke(cli, [*args, "--timezone", "UTC"], obj=around)

    return invoke


def rows(result: Result) -> list[str]:
    assert result.exit_code == 0, result.stderr
    return [" ".join(TIME.sub("T", line).split()) for line in result.stdout.splitlines()][1:]


def test_the_bad_rollout_its_rollback_and_a_restart(ask: Ask) -> None:
    bad, back, restart = rows(ask("rollouts", "-n", "shop"))
    assert bad.startswith("T shop deployment.apps/web 1 → 2 deploy-bot rolled-back 0.")
    assert bad.endswith("web:1.8.2 → registry.example/shop/web:1.9.0 ImagePullBackOff ×9, BackOff ×9")
    assert back.startswith("T shop deployment.apps/web 2 → 3 (= 1) deploy-bot complete 0.")
    assert restart.startswith("T shop deployment.apps/api 1 → 2 kubectl-rollout complete 0.")


def test_a_rollout_is_one_answer_for_programs_too(ask: Ask) -> None:
    answer = orjson.loads(ask("rollouts", "--kind", "deploy", "--name", "web", "-o", "json").stdout)
    bad, back = answer["items"]
    assert (bad["to"]["images"], back["rollback"], back["equals"]) == (["web=registry.example/shop/web:1.9.0"], True, 1)
    assert (bad["pods"], bad["failures"][0]["after_completion"]) == ({"created": 3, "removed": 3, "restarts": 0}, True)
    assert back["rolled_back_to"] == bad["from"]["event"]
    assert answer["coverage"]["why"]


def test_every_rollout_of_the_incident_is_complete(ask: Ask) -> None:
    found = ask("rollouts", "--unfinished")
    assert found.stdout == ""
    assert "every known rollout is complete" in found.stderr
