"""Two real clusters, recorded side by side the distributed way, that differ in known places."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.controlplane.lab import Lab
from tests.e2e.distributed import Distributed
from tests.e2e.places import COUNTS, DIFFERENCES, changed, create, objects, told
from tests.kafka.broker import RealBroker

pytestmark = [pytest.mark.controlplane, pytest.mark.kafka, pytest.mark.timeout(600)]


def test_two_clusters_differ_in_twelve_places_and_nothing_else(
    make_lab: Callable[..., Lab], make_broker: Callable[..., RealBroker], tmp_path: Path
) -> None:
    with Distributed(tmp_path / "d", make_broker()) as running:
        running.ingester()
        for cluster, bodies in (("east", objects()), ("west", changed(objects()))):
            lab = make_lab()
            recorder = running.remote(lab.kubeconfig, cluster).start()
            create(lab.client(), recorder, "shop", bodies)
        done = diff(running, "-n", "shop", "--kind", ",".join(COUNTS), "-o", "json")
        assert done.returncode == 1, done.stderr
        answer = json.loads(done.stdout)
        assert told(answer) == DIFFERENCES
        assert answer["equal"] == {"embedded-document": 1}  # the server itself writes 1000m as 1
        assert "not-to-be-seen" not in done.stdout
        same = diff(running, "configmaps/o9", "-n", "shop")
        assert (same.returncode, same.stdout) == (0, "")


def diff(running: Distributed, *arguments: str) -> subprocess.CompletedProcess[str]:
    """`kubelapse diff` of east against west."""
    asked = ("diff", *arguments, "--cluster", "east", "--to-cluster", "west", "--server", running.query.url)
    return subprocess.run([sys.executable, "-m", "kubelapse", *asked], capture_output=True, text=True, timeout=60)
