"""kubectl, Tables and a client library see at T, afterwards, what the control plane gave at T: object by object."""

import json
import re
import subprocess
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import ClassVar

import kubernetes
import pytest
import urllib3
import yaml

from tests.controlplane.api import Api, Json
from tests.controlplane.lab import Lab
from tests.e2e import shopping
from tests.e2e.recorder import Recorder
from tests.kubectl import Kubectl
from tests.waiting import until

pytestmark = [pytest.mark.controlplane, pytest.mark.kubectl, pytest.mark.timeout(600)]

TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json"
EVENTS = ("events", "events.events.k8s.io")
HTTP = urllib3.PoolManager(cert_reqs="CERT_NONE", assert_hostname=False)
AGES = re.compile(r"Age|Last Seen|First Seen|Duration|Last Schedule|Restarts")


@dataclass(slots=True)
class Moment:
    """What the real server gave when nothing changed: kind → name → object, and kind → rows of its Table."""

    at: datetime
    objects: dict[str, dict[str, Json]]
    tables: dict[str, tuple[list[str], dict[str, list[object]]]]


@dataclass(slots=True)
class Cluster:
    """A recorded control plane and what it was seen to be."""

    lab: Lab
    api: Api
    recorder: Recorder
    kinds: dict[str, str] = field(default_factory=dict)

    def face(self, at: datetime) -> str:
        return f"{self.recorder.url}/kube/_/{at.isoformat().replace('+00:00', 'Z')}"

    def learn(self) -> None:
        """Every kind that is recorded, with its path, at the version that the server prefers."""
        recorded = {
            f"{each['resource']}.{each['group']}".rstrip(".")
            for each in self.recorder.ask("/kinds")["items"]
            if each["watching"] == "yes"
        }
        for path in ("/api/v1", *_group_versions(self.api)):
            for each in self.api.get(path)["resources"]:
                group = path.split("/")[2] if path.startswith("/apis") else ""
                name = f"{each['name']}.{group}" if group else each["name"]
                if "watch" in each["verbs"] and name in recorded:
                    self.kinds[name] = f"{path}/{each['name']}"

    def moment(self) -> Moment:
        """The next moment around which two looks at everything are the same."""
        for _ in range(40):
            objects = self._objects()
            time.sleep(0.5)
            at = datetime.now(UTC)
            tables = {kind: table(f"{self.lab.url}{self.kinds[kind]}", self.lab) for kind in COLUMNS}
            again = self._objects()
            if all(again[kind] == objects[kind] for kind in self.kinds if kind not in EVENTS):
                return Moment(at, again, tables)
        raise AssertionError("the cluster never came to rest")

    def _objects(self) -> dict[str, dict[str, Json]]:
        return {kind: objects_of(self.api.get(path)) for kind, path in self.kinds.items()}


def _group_versions(api: Api) -> list[str]:
    return [f"/apis/{each['preferredVersion']['groupVersion']}" for each in api.get("/apis")["groups"]]


def objects_of(answer: Json) -> dict[str, Json]:
    """By namespace and name, without what is not recorded."""
    found = {}
    for one in answer["items"]:
        one["metadata"].pop("managedFields", None)
        found[name_of(one)] = {name: value for name, value in one.items() if name not in ("kind", "apiVersion")}
    return found


def table(url: str, lab: Lab | None) -> tuple[list[str], dict[str, list[object]]]:
    """Columns and cells as a server prints them."""
    headers = {"Accept": TABLE} | ({"Authorization": f"Bearer {lab.token}"} if lab else {})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", urllib3.exceptions.InsecureRequestWarning)
        answer = json.loads(HTTP.request("GET", url, headers=headers, timeout=30).data)
    columns = [each["name"] for each in answer["columnDefinitions"]]
    return columns, {name_of(row["object"]): row["cells"] for row in answer["rows"] or ()}


def name_of(one: Json) -> str:
    return f"{one['metadata'].get('namespace', '')}/{one['metadata']['name']}"


@pytest.fixture
def cluster(make_lab: Callable[..., Lab], tmp_path: Path) -> Iterator[Cluster]:
    """A control plane with a shop in it, recorded."""
    lab = make_lab(nodes=2, controllers=True)
    recorder = Recorder(lab.kubeconfig, tmp_path / "data")
    try:
        recorder.start()
        found = Cluster(lab, lab.client(manager="kubectl-edit"), recorder)
        shopping.open_shop(found.api)
        until(lambda: recorder.ask("/coverage", kind="widgets.example.org")["watched"])
        found.learn()
        yield found
    finally:
        for each in Watched.running:
            each.kill()
            each.communicate()
        recorder.stop()


def test_what_kubectl_gave_at_a_moment_it_gives_of_that_moment_afterwards(cluster: Cluster, tmp_path: Path) -> None:
    first = cluster.moment()
    real = Kubectl(kubeconfig=str(cluster.lab.kubeconfig))
    manifest = tmp_path / "web.yaml"
    manifest.write_text(yaml.safe_dump(shopping.OTHER_WEB))
    asked = {command: answered(real, command, manifest) for command in COMMANDS}
    watched = Watched(real)
    shopping.trouble(cluster.api)
    second = cluster.moment()
    events = watched.stop()
    last = shopping.closing(cluster.api)
    cluster.recorder.wait_for("configmaps", int(last["metadata"]["resourceVersion"]))
    for kind in cluster.kinds:
        newest = max((int(each["metadata"]["resourceVersion"]) for each in second.objects[kind].values()), default=0)
        if kind not in EVENTS:
            cluster.recorder.wait_for(kind, newest)
    assert [*different(cluster, first), *different(cluster, second)] == []
    past = Kubectl(server=cluster.face(first.at))
    assert {command: answered(past, command, manifest) for command in COMMANDS} == asked
    replayed = Watched(past)
    assert replayed.wait(len(events)) == events
    assert names_by_library(cluster.face(second.at)) == set(second.objects["pods"])


COMMANDS = (
    "get deployments,replicasets,statefulsets,daemonsets,services,configmaps,serviceaccounts -A -o yaml",
    "get pods -n shop -l app=web -o name",
    "get pods -A --field-selector spec.nodeName=node-0 -o name",
    "get all -n shop -o name",
    "get widgets -A -o jsonpath={.items[*].spec}",
    "get pods -n shop --sort-by=.metadata.name -o custom-columns=N:.metadata.name,P:.status.phase",
    "describe deployment,service,configmap,statefulset,pod,node",
    "diff -f MANIFEST",
)


def answered(who: Kubectl, command: str, manifest: Path) -> list[str]:
    """What it prints, without ages, names of temporary files, and what the record has not (leases).

    `describe` prints the data of a ConfigMap in any order (a Go map), so its lines are compared in one of ours.
    """
    words = [str(manifest) if word == "MANIFEST" else word for word in command.split()]
    done = who.run(*words, *(("-n", "shop") if words[0] == "describe" else ()))
    assert done.returncode in ((0, 1) if words[0] == "diff" else (0,)), done.stderr
    lines = done.stdout.splitlines()
    if words[0] == "diff":
        return [line for line in lines if line.startswith(("+", "-")) and not line.startswith(("+++", "---"))]
    if words[0] != "describe":
        return [line for line in lines if not re.fullmatch(r"\s*resourceVersion: \"\"", line)]
    return sorted(undated(lines))


def undated(lines: list[str]) -> Iterator[str]:
    """Lines of `describe`, without ages and without the node's lease."""
    lease = False
    for line in lines:
        lease = line.startswith("Lease:") or (lease and line.startswith("  "))
        if not lease:
            yield re.sub(r"\s+", " ", re.sub(r"\b(\d+d)?(\d+h)?(\d+m)?(\d+s)?\b( \(x\d+ over \S+\))?", "", line))


class Watched:
    """`kubectl get pods -w` with everything that it prints until it is stopped."""

    running: ClassVar[list["subprocess.Popen[str]"]] = []

    def __init__(self, who: Kubectl) -> None:
        self._process: subprocess.Popen[str] = who.start(
            "get", "pods", "-n", "shop", "--watch", "--output-watch-events", "-o", "json"
        )
        self.running.append(self._process)
        self._seen: list[tuple[str, str, str]] = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        self.wait(1)

    def _read(self) -> None:
        assert self._process.stdout is not None
        decoder, text = json.JSONDecoder(), ""
        for line in self._process.stdout:
            text += line
            try:
                event, end = decoder.raw_decode(text)
            except json.JSONDecodeError:
                continue
            text = text[end:].lstrip()
            metadata = event["object"]["metadata"]
            self._seen.append((event["type"], metadata["name"], metadata["resourceVersion"]))

    def wait(self, count: int) -> list[tuple[str, str, str]]:
        """The first so many."""
        end = time.monotonic() + 30
        while len(self._seen) < count:
            assert time.monotonic() < end, f"{len(self._seen)} of {count} events"
            time.sleep(0.05)
        return self._seen[:count]

    def stop(self) -> list[tuple[str, str, str]]:
        """Everything."""
        self._process.terminate()
        self._reader.join(10)
        return list(self._seen)


def different(cluster: Cluster, moment: Moment) -> list[str]:
    """Where the face of this moment is not what the server was."""
    found: list[str] = []
    for kind, path in cluster.kinds.items():
        url = f"{cluster.face(moment.at)}{path}"
        answer = json.loads(urllib3.request("GET", url, timeout=60).data)
        given = objects_of(answer) if "items" in answer else {}
        wanted = settled(kind, moment)
        if "items" not in answer:
            found.append(f"{kind}: {answer.get('message')}")
        found += [f"{kind} {name}: missing" for name in wanted.keys() - given.keys()]
        if kind not in EVENTS:
            found += [f"{kind} {name}: was not there" for name in given.keys() - wanted.keys()]
        for name in wanted.keys() & given.keys():
            if comparable(kind, given[name]) != comparable(kind, wanted[name]):
                found.append(f"{kind} {name}: {comparable(kind, given[name])} is not {comparable(kind, wanted[name])}")
        if kind in EVENTS or kind not in COLUMNS:
            continue
        found += tables_differ(kind, table(url, None), moment.tables[kind])
    return found


def settled(kind: str, moment: Moment) -> dict[str, Json]:
    """Everything; of Events those that were not counted again about the moment."""
    if kind not in EVENTS:
        return moment.objects[kind]
    until = (moment.at - timedelta(seconds=2)).isoformat()
    stamp = "lastTimestamp" if kind == "events" else "deprecatedLastTimestamp"
    return {name: one for name, one in moment.objects[kind].items() if (one.get(stamp) or "9") < until}


def comparable(kind: str, one: Json) -> Json:
    """What is recorded of an object: of a Secret the keys, of an Event what it says."""
    if kind == "secrets":
        return {**one, "data": sorted(one.get("data", {}))}
    if kind in EVENTS:
        names = ("reason", "message", "note", "type", "count", "deprecatedCount", "involvedObject", "regarding")
        kept = {name: one[name] for name in names if one.get(name)}
        for about in ("involvedObject", "regarding"):
            kept.get(about, {}).pop("resourceVersion", None)
        return kept
    return one


def tables_differ(
    kind: str, given: tuple[list[str], dict[str, list[object]]], wanted: tuple[list[str], dict[str, list[object]]]
) -> list[str]:
    """Columns and cells but for ages, which count from another moment."""
    if given[0] != wanted[0]:
        return [f"{kind}: columns {given[0]} are not {wanted[0]}"]
    ages = [n for n, name in enumerate(wanted[0]) if AGES.fullmatch(name)]
    return [
        f"{kind} {name}: {given[1].get(name)} is not {cells}"
        for name, cells in wanted[1].items()
        if without(given[1].get(name, []), ages) != without(cells, ages)
    ]


COLUMNS = {
    "pods", "deployments.apps", "replicasets.apps", "statefulsets.apps", "daemonsets.apps", "services", "configmaps",
    "secrets", "nodes", "namespaces", "jobs.batch", "cronjobs.batch", "events", "ingresses.networking.k8s.io",
    "persistentvolumeclaims", "serviceaccounts", "widgets.example.org", "horizontalpodautoscalers.autoscaling",
    "endpointslices.discovery.k8s.io", "roles.rbac.authorization.k8s.io", "clusterroles.rbac.authorization.k8s.io",
    "rolebindings.rbac.authorization.k8s.io", "clusterrolebindings.rbac.authorization.k8s.io", "resourcequotas",
    "poddisruptionbudgets.policy", "networkpolicies.networking.k8s.io", "priorityclasses.scheduling.k8s.io",
    "customresourcedefinitions.apiextensions.k8s.io", "storageclasses.storage.k8s.io", "persistentvolumes",
    "controllerrevisions.apps",
}  # fmt: skip


def without(cells: list[object], places: list[int]) -> list[object]:
    return [cell for n, cell in enumerate(cells) if n not in places]


def names_by_library(url: str) -> set[str]:
    """Pods as the Python client lists them."""
    configuration = kubernetes.client.Configuration(host=url)
    with kubernetes.client.ApiClient(configuration) as client:
        core, names, token = kubernetes.client.CoreV1Api(client), set[str](), ""
        while True:
            page = core.list_pod_for_all_namespaces(limit=3, _continue=token).to_dict()
            names |= {name_of(each) for each in page["items"]}
            if not (token := page["metadata"]["_continue"]):
                return names
