"""A shop's small history in one embedded store per module, and the command line in process against it."""

import itertools
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta

import pytest
from click.testing import CliRunner, Result

from kubelapse.cli.main import cli
from kubelapse.cli.session import Surroundings
from kubelapse.server import offline_app
from schema.canonical import JsonObject
from schema.chdb import ChdbStore
from schema.migrate import migrate
from tests.fakes.history import History
from tests.fakes.records import NOON

Run = Callable[..., Result]
_NUMBERS = itertools.count(1)
HOUR = 3600
MARKERS = ("aG1hYzprMTowMDAwMDAwMDAwMDAwMDAx", "aG1hYzprMTowMDAwMDAwMDAwMDAwMDAy")


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ChdbStore]:
    """An empty store with all tables."""
    opened = ChdbStore.open(tmp_path_factory.mktemp("store"))
    migrate(opened)
    yield opened
    opened.close()


def shop() -> History:
    """An hour of a shop: a deployment changed and noisy, a config map, a secret rotated, a pod that lived twice."""
    told = History("lab")
    told.watch(from_=0, to=HOUR)
    web: JsonObject = {"spec": {"replicas": 2, "image": "web:1"}}
    told.put("deployments.apps", "shop/web", web, at=10, origin="list", labels={"app": "web"})
    told.put("configmaps", "shop/settings", {"data": {"mode": "fast\nand loud\n"}}, at=60, by="kubectl-edit")
    told.put("secrets", "shop/token", {"data": {"a": MARKERS[0], "b": MARKERS[0]}}, at=70, by="ops")
    told.put("pods", "shop/web-1", {"spec": {"node": "a"}}, at=80, by="kubelet")
    scaled: JsonObject = {"spec": {"replicas": 5, "image": "web:1"}}
    told.put("deployments.apps", "shop/web", scaled, at=120, by="kubectl-scale", labels={"app": "web"})
    noisy: JsonObject = {**scaled, "status": {"seen": 1}}
    told.put("deployments.apps", "shop/web", noisy, at=130, by="controller", noise="status-time", labels={"app": "web"})
    told.put("secrets", "shop/token", {"data": {"a": MARKERS[0], "b": MARKERS[1]}}, at=140, by="ops")
    told.delete("pods", "shop/web-1", at=200)
    told.put("pods", "shop/web-1", {"spec": {"node": "b"}}, at=220, by="kubelet", error=1.5)
    told.put("configmaps", "test/settings", {"data": {"mode": "slow"}}, at=230, by="kubectl-edit")
    told.put("nodes", "node-1", {"spec": {"unschedulable": True}}, at=240, by="\x1b[31mevil")
    return told


@pytest.fixture(scope="module")
def shop_store(store: ChdbStore) -> ChdbStore:
    """The store with the shop's hour."""
    shop().store(store)
    return store


@pytest.fixture
def run(shop_store: ChdbStore) -> Run:
    """`run("changes", "--since", "1h")` at the end of the shop's hour."""

    def invoke(*args: str, seconds: float = HOUR, **environ: str) -> Result:
        def clock() -> datetime:
            return NOON + timedelta(seconds=seconds)

        around = Surroundings(environ=environ, clock=clock, app=lambda: offline_app(shop_store, clock))
        return CliRunner().invoke(cli, [args[0], "--timezone", "UTC", *args[1:]], obj=around)

    return invoke
