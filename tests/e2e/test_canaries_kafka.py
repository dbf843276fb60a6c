"""Secrets in every place where people leave them, through all stages: in no byte of any of them, nor in any answer.

Collector → Kafka (and, while that is away, memory and the disk) → ingester → store → answers, webhooks, OpenTelemetry,
assistants; every part a process of its own. That takes a minute and a half: `make truth` runs it, and every gate
`tests/kafka/test_canaries.py`.
"""

import asyncio
import base64
import os
import re
import secrets
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final

import httpx
import pytest
import urllib3
from mcp.client.client import Client as McpClient

from collector.clock import utc_now
from kubelapse.cli.session import Session, Style, Surroundings
from kubelapse.client import Client
from kubelapse.mcpserver import make_server
from kubelapse.mcptools import Tools
from kubelapse.purge_proof import search
from kubelapse.settings import load
from tests.controlplane.lab import Lab
from tests.e2e.distributed import Distributed
from tests.e2e.leaving import KINDS, leave
from tests.e2e.receiving import Receiving
from tests.e2e.stages import Stage
from tests.fakes.canaries import canaries, needles
from tests.kafka import disk
from tests.kafka.broker import RealBroker
from tests.query.asked import READ_POSTS, STREAMS, Place, spelled
from tests.waiting import until

pytestmark = [
    pytest.mark.timeout(600),
    pytest.mark.skipif("KUBELAPSE_TEST_CANARIES" not in os.environ, reason="make truth runs it"),
]

DEBUG: Final = {"KUBELAPSE_LOG": "json,debug"}
OBJECTS: Final = {
    "secrets": "c03",
    "configmaps": "c11",
    "pods": "c20",
    "deployments": "c24",
    "serviceaccounts": "c25",
    "nodes": "none",
}


@pytest.fixture
def broker_of_its_own(make_broker: Callable[..., RealBroker]) -> RealBroker:
    """It goes away and comes back."""
    return make_broker()


@pytest.fixture
def distributed(broker_of_its_own: RealBroker, tmp_path: Path) -> Iterator[Distributed]:
    """Store, topics and one replica."""
    with Distributed(tmp_path / "d", broker_of_its_own) as running:
        yield running


def sending(distributed: Distributed, receiving: Receiving) -> Stage:
    """A replica that sends everything on: to one who takes it, to one who does not, as OpenTelemetry."""
    secret = distributed.home / "hook-secret"
    secret.write_text("whsec_" + base64.b64encode(secrets.token_bytes(32)).decode())
    hooks = distributed.home / "hooks.toml"
    hooks.write_text(
        "".join(
            f'[[webhook]]\nname = "{name}"\nurl = "{receiving.url}/{name}"\nsecret_file = "{secret}"\ntries = 1\n'
            '[webhook.filter]\nnoise = "off"\nfirst_sight = "on"\n\n'
            for name in ("taken", "refused")
        )
    )
    environ = {
        "KUBELAPSE_WEBHOOKS_FILE": str(hooks),
        "KUBELAPSE_OTEL_LOGS": "true",
        "OTEL_EXPORTER_OTLP_ENDPOINT": receiving.url,
    }
    return distributed.stage("serve", "--port", "0", **DEBUG, **environ).start().wait_ready()


@contextmanager
def following(stage: Stage, told: list[bytes]) -> Iterator[None]:
    """Whatever the feed gives out."""
    http = urllib3.PoolManager(retries=False)
    answer = http.request("GET", f"{stage.url}/api/v1/feed?format=jsonl&noise=off", preload_content=False)

    def read() -> None:
        # http.client forgets its file while another thread closes the answer.
        with suppress(urllib3.exceptions.HTTPError, ValueError, OSError, AttributeError):
            while data := answer.read1(65536):
                told.append(data)

    reader = threading.Thread(target=read, daemon=True)
    reader.start()
    yield
    answer.close()
    reader.join(5)


def held_on_disk(collector: Stage) -> bytes:
    """The nameless files in which it keeps what Kafka does not take."""
    found = b""
    for descriptor in Path(f"/proc/{collector.pid}/fd").iterdir():
        with suppress(OSError):
            if "/spill/" in str(descriptor.readlink()):
                found += descriptor.read_bytes()
    return found


def gauge(stage: Stage, name: str) -> float:
    """One figure of its metrics."""
    found = re.search(rf"^{name} (\S+)$", stage.raw("/metrics").decode(), re.MULTILINE)
    assert found, name
    return float(found[1])


def answers(stage: Stage, namespace: str) -> Iterator[str]:
    """What every route of the document says, of one object of each kind, and some more."""
    document: Mapping[str, Any] = stage.http.request("GET", f"{stage.url}/openapi.json").json()
    for kind, name in OBJECTS.items():
        place = Place(
            cluster="lab", namespace=namespace, name=name, uid="u", event="e", kind=kind, word="canary", by="python"
        )
        for path, methods in document["paths"].items():
            for method, operation in methods.items():
                if path in STREAMS or (method != "get" and path not in READ_POSTS):
                    continue
                path_now, query = spelled(path, operation, place, {})
                query = {**query, **{one: text for one, text in {"from": "1h", "to": "now"}.items() if one in query}}
                yield _asked(stage, method, path_now, query)
    for canary in canaries():
        about = f"/api/v1/objects/lab/{canary.resource}/{namespace}/{canary.name}"
        yield _asked(stage, "get", about, {})
        yield _asked(stage, "get", f"{about}/history", {"patch": "true"})
    for path in ("/metrics", "/readyz", "/plain", f"/kube/lab/now/api/v1/namespaces/{namespace}/configmaps"):
        yield _asked(stage, "get", path, {})


def _asked(stage: Stage, method: str, path: str, query: Mapping[str, str]) -> str:
    """503: SQL, which needs a user of its own here (the embedded store's: `test_canaries.py`)."""
    asked: Mapping[str, Any] = {"json": {}} if method != "get" else {"fields": dict(query)}
    answer = stage.http.request(method.upper(), stage.url + path, timeout=60, **asked)
    assert answer.status < 500 or path.startswith("/api/v1/sql"), (path, answer.data[:300])
    return f"{path} {answer.headers} {answer.data.decode(errors='replace')}\n"


async def assisted(url: str, namespace: str) -> str:
    """What an assistant is told."""
    style = Style(output="table", headers=True, color="never", timezone="UTC", require_complete=False)
    session = Session(Surroundings(environ={}, clock=utc_now), load({}, {}), style, data=None)
    one: dict[str, object] = {"kind": "configmaps", "name": "c11", "namespace": namespace}
    calls: dict[str, dict[str, object]] = {
        "changes": {"since": "1h", "namespace": namespace, "include_noise": True},
        "object_at": one,
        "history": one,
        "blame": one,
        "diff": {"since": "1h", "namespace": namespace},
        "drift": {"namespace": namespace},
        "search": {"value": "hmac", "since": "1h"},
        "coverage": {},
    }
    async with (
        httpx.AsyncClient(base_url=f"{url}/api/v1", timeout=60) as http,
        McpClient(make_server(Tools(session, Client(http, "there")), sql=False)) as assistant,
    ):
        return "".join([repr(await assistant.call_tool(name, given)) for name, given in calls.items()])


def test_no_canary_in_any_byte_of_any_stage(
    lab: Lab, namespace: str, distributed: Distributed, broker_of_its_own: RealBroker, tmp_path: Path
) -> None:
    sought, broker, told = needles(), broker_of_its_own, list[bytes]()
    small = {"KUBELAPSE_LOG_MEMORY": "1KiB", **DEBUG}
    collector = distributed.collector(lab.kubeconfig, "lab", "--kinds", KINDS, **small).start()
    distributed.ingesters.append(distributed.stage("ingest", **DEBUG).start())
    with Receiving() as receiving:
        sender = sending(distributed, receiving)
        distributed.collectors.append(sender)  # ended with the rest
        collector.wait_ready()
        with following(sender, told):
            leave(lab.client(), namespace)
            stored(distributed, namespace, "last")
            broker.stop()
            again = f"{namespace}-again"
            lab.client().post("/api/v1/namespaces", {"metadata": {"name": again}})
            leave(lab.client(), again)
            until(lambda: gauge(collector, "kubelapse_collector_log_disk_bytes") > 20_000)
            until(lambda: b"c27" in held_on_disk(collector))
            spilled = held_on_disk(collector)
            broker.start()
            stored(distributed, again, "last")
            until(lambda: b"c27" in receiving.everything and again.encode() in receiving.everything)
            until(lambda: "/refused" in receiving.bodies)
            until(lambda: b"c27" in b"".join(told))
        texts = list(answers(sender, again))
        texts += [asyncio.run(assisted(sender.url, again)), _asked(collector, "get", "/metrics", {})]
    codes = [one.stop() for one in (sender, collector, *distributed.ingesters, distributed.query)]
    broker.stop()
    everything = {
        "spilled": spilled,
        "received": receiving.everything,
        "followed": b"".join(told),
        "answered": "".join(texts).encode(),
    }
    assert [(name, one) for name, data in everything.items() for one in sought if one.encode() in data] == []
    assert b"hmac:" in spilled
    assert set(codes) == {0}
    on_broker = disk.search(broker.directory, sought)
    assert (on_broker.found, on_broker.messages > 200) == ([], True)
    in_files = search(distributed.home, sought)
    assert (in_files.found, in_files.blocks > 100) == ([], True)
    assert disk.search(broker.directory, ["c27"]).found  # it would have been seen
    print(
        f"{len(sought)} forms of {len(canaries()) + 1} canaries sought in {on_broker.files} files of the broker"
        f" ({on_broker.messages} records unpacked), {in_files.files} files of the stages ({in_files.bytes >> 20} MiB"
        f" unpacked), {len(spilled):,} bytes spilled, {len(everything['received']):,} received,"
        f" {len(everything['followed']):,} followed, {len(texts)} answers of {len(everything['answered']):,} bytes"
    )
    lab.client().delete(f"/api/v1/namespaces/{again}")


def stored(distributed: Distributed, namespace: str, name: str) -> None:
    """Until this object of the namespace is in the store."""
    sql = f"SELECT count() FROM changes WHERE namespace = '{namespace}' AND name = '{name}'"
    until(lambda: distributed.rows(sql)[0][0], within=90)
