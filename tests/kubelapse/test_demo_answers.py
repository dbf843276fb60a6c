"""What the demo answers about its recorded incident is right, whenever that was recorded and loaded."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from prometheus_client import CollectorRegistry

from kubelapse.cli.main import cli
from kubelapse.cli.session import Surroundings
from kubelapse.demo import loader
from kubelapse.demo.questions import questions
from kubelapse.server import offline_app
from kubelapse.verify import Wanted, verify
from schema.chdb import ChdbStore
from schema.migrate import migrate

NOW = datetime(2026, 11, 22, 3, 25, tzinfo=UTC)
TIME = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(Z|[+-]\d\d:\d\d)?")

CHANGED_IN_SHOP = """
    T shop configmap/web-config update gitops data.BANNER
    T shop secret/db-credentials update vault-agent data.password
    T shop configmap/api-config update kubectl-edit data.DATABASE_URL
    T shop deployment.apps/web update deploy-bot spec.template.spec.containers[name=web].image
    T shop deployment.apps/web update kubectl-scale spec.replicas
    T shop deployment.apps/web update web-autoscaler spec.replicas
    T shop deployment.apps/web update kubectl-scale spec.replicas
    T shop deployment.apps/web update web-autoscaler spec.replicas
    T shop deployment.apps/web update kubectl-scale spec.replicas
    T shop deployment.apps/web update web-autoscaler spec.replicas
    ≈T shop configmap/api-config update kubectl-edit data.LOG_LEVEL
    T shop configmap/api-config update kubectl-edit data.DATABASE_URL
    T shop deployment.apps/web update deploy-bot spec.template.spec.containers[name=web].image
    T shop deployment.apps/api update kubectl-rollout spec.template.metadata.annotations
"""


@pytest.fixture(scope="module")
def incident(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[ChdbStore, loader.Loaded]]:
    """The bundle that ships, loaded as the demo does it."""
    store = ChdbStore.open(tmp_path_factory.mktemp("incident"))
    migrate(store)
    yield store, loader.load(store, loader.bundled(), end=NOW, registry=CollectorRegistry())
    store.close()


@pytest.fixture(scope="module")
def answers(incident: tuple[ChdbStore, loader.Loaded]) -> list[Result]:
    """What the three commands print."""
    store, loaded = incident
    around = Surroundings(environ={}, clock=lambda: NOW, app=lambda: offline_app(store, lambda: NOW))
    asked = [each.at(loaded.start, loaded.end) for each in questions()]
    return [CliRunner().invoke(cli, list(each.command), obj=around) for each in asked]


def told(text: str) -> list[str]:
    """The lines without what differs from recording to recording: their times, and the widths of columns."""
    return [" ".join(TIME.sub("T", line).split()) for line in text.splitlines()]


def test_what_was_changed_in_the_shop_and_by_whom(answers: list[Result]) -> None:
    rows = told(answers[0].stdout)
    assert rows[0] == "TIME NAMESPACE OBJECT OP BY CHANGED"
    # Two watches may tell of the same moment in either order.
    assert sorted(rows[1:]) == sorted(told(CHANGED_IN_SHOP.strip()))
    assert "gaps in this time" in answers[0].stderr


def test_what_the_edit_of_the_api_s_config_did(answers: list[Result]) -> None:
    rows = told(answers[1].stdout)
    assert answers[1].exit_code == 1
    assert rows[:2] == [
        "--- configmaps/api-config revision 1, first seen T",
        "+++ configmaps/api-config revision 2, last changed T by kubectl-edit",
    ]
    assert [row for row in rows[2:] if row[:1] in "+-"] == [
        "- DATABASE_URL: postgres://db.shop.svc:5432/orders",
        "+ DATABASE_URL: postgres://db.staging.svc:5432/orders",
    ]
    assert "not complete" not in answers[1].stderr


def test_what_was_missed_while_nobody_watched(answers: list[Result]) -> None:
    rows = told(answers[2].stdout)
    assert "configmaps (all) gap T T expired: the API server had forgotten the versions between" in rows
    assert not [row for row in rows if row.startswith(("deployments", "namespaces"))]


def test_answers_fit_on_a_screen(answers: list[Result]) -> None:
    assert max(len(each.stdout.splitlines()) for each in answers) <= 15


def test_the_incident_ends_now_and_is_a_sound_history(incident: tuple[ChdbStore, loader.Loaded]) -> None:
    store, loaded = incident
    assert timedelta() <= NOW - loaded.end < timedelta(seconds=5)
    assert verify(store, Wanted(cluster="prod-eu")).wrong == 0


def test_the_bundle_is_small_enough_to_ship() -> None:
    assert len(Path(loader.__file__).with_name(loader.BUNDLE).read_bytes()) <= 2 << 20
