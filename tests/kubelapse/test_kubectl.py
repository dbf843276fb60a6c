"""kubectl against the recorded incident: every object is what the history has of the moment."""

import asyncio
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import urllib3
import yaml

from kubelapse.demo import loader
from kubelapse.kubeconfig import face_url, kubeconfig, prompt
from kubelapse.observe import new_registry
from kubelapse.server import Server, listen, offline_app, url_of
from schema.chdb import ChdbStore
from schema.migrate import migrate
from tests.kubectl import Kubectl

pytestmark = pytest.mark.timeout(300)

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Incident:
    """Where it is served, and when it was."""

    url: str
    start: datetime
    end: datetime

    def at(self, seconds: float) -> str:
        """So many seconds after its start."""
        return (self.start + timedelta(seconds=seconds)).isoformat().replace("+00:00", "Z")

    def kubectl(self, seconds: float) -> Kubectl:
        return Kubectl(server=face_url(self.url, "_", self.at(seconds)))

    def ask(self, path: str, **query: str) -> bytes:
        answer = urllib3.request("GET", f"{self.url}/api/v1{path}", fields=query, timeout=30)
        assert answer.status == 200, answer.data
        return answer.data


@pytest.fixture(scope="module")
def incident(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Incident]:
    """The bundled incident, served on loopback."""
    store = ChdbStore.open(tmp_path_factory.mktemp("incident"))
    migrate(store)
    loaded = loader.load(store, loader.bundled(), end=datetime.now(UTC), registry=new_registry())
    server = Server(offline_app(store))
    with listen("127.0.0.1", 0) as bound:
        thread = threading.Thread(target=lambda: asyncio.run(server.serve(sockets=[bound])))
        thread.start()
        yield Incident(url_of(bound), loaded.start, loaded.end)
        server.should_exit = True
        thread.join()
    store.close()


BEFORE, DURING = 20, 60
"""Seconds into the incident: all is well but api, which crashes; web pulls an image that is not there."""


@pytest.mark.kubectl
@pytest.mark.parametrize("seconds", [BEFORE, DURING])
def test_every_object_is_what_the_history_has_of_that_moment(incident: Incident, seconds: int) -> None:
    kubectl = incident.kubectl(seconds)
    lines = incident.ask("/snapshot", at=incident.at(seconds)).splitlines()
    wanted = {each["metadata"]["uid"]: each for each in map(json.loads, lines)}
    kinds = kubectl.out("api-resources", "--verbs=list", "-o", "name").split()
    given = [each for each in kubectl.items(",".join(kinds), "-A") if each["kind"] != "Event"]
    assert all(each["metadata"].pop("resourceVersion") for each in given)
    assert {each["metadata"]["uid"]: each for each in given} == wanted
    assert len(given) > 200


MANIFEST = '{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "new", "namespace": "shop"}}'
READ_ONLY = "it can be read and not changed"
REFUSED = {
    "apply -f FILE": READ_ONLY,
    "create -f FILE": READ_ONLY,
    "delete deployment web -n shop": READ_ONLY,
    "patch deployment web -n shop -p {}": READ_ONLY,
    "rollout restart deployment web -n shop": READ_ONLY,
    "logs deployment/web -n shop": "pods/log is not recorded: only objects are",
    "exec deployment/web -n shop -- ls": "pods/exec is not recorded: only objects are",
    "top pods": "Metrics API not available",
    "get pods -n shop --as boss": "cannot impersonate anybody",
}


@pytest.mark.kubectl
def test_what_is_no_reading_is_refused_in_words_that_say_so(incident: Incident, tmp_path: Path) -> None:
    kubectl, manifest = incident.kubectl(DURING), tmp_path / "new.yaml"
    manifest.write_text(MANIFEST)
    for command, sentence in REFUSED.items():
        done = kubectl.run(*(str(manifest) if word == "FILE" else word for word in command.split()))
        assert (done.returncode, sentence in done.stderr) == (1, True), f"{command}: {done.stderr}"
    assert "created (server dry run)" in kubectl.out("apply", "--dry-run=server", "-f", str(manifest))


def test_a_kubeconfig_is_for_its_owner_only_and_goes_with_the_shell() -> None:
    with kubeconfig("http://127.0.0.1:7117/", "prod", "2026-01-31T12:00:00Z") as made:
        document = yaml.safe_load(made.path.read_text())
        assert (made.path.stat().st_mode & 0o777, made.path.parent.stat().st_mode & 0o777) == (0o600, 0o700)
        assert document["clusters"][0]["cluster"]["server"] == "http://127.0.0.1:7117/kube/prod/2026-01-31T12:00:00Z"
        assert made.environ["KUBECONFIG"] == str(made.path)
        assert prompt("/bin/bash", made.path.parent, "prod 12:00")[0][:2] == ["/bin/bash", "--rcfile"]
    assert not made.path.exists()
