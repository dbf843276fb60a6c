"""One cluster recorded by two collectors, a half of its kinds each, both killed and started again."""

import asyncio
from collections import Counter
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from collector.slots import Slot
from schema.events import Watermark
from schema.kafka import Broker, create
from schema.topics import Topics
from tests.controlplane.lab import Lab
from tests.e2e import topic
from tests.e2e.compare import TYPES
from tests.e2e.distributed import Distributed, patiently
from tests.kafka.broker import RealBroker

pytestmark = [pytest.mark.controlplane, pytest.mark.kafka, pytest.mark.timeout(300)]

HALVES = (Slot(1, 2), Slot(2, 2))
KINDS = ("configmaps", "services", "secrets", "serviceaccounts", "limitranges", "resourcequotas")


def test_two_slots_record_every_kind_once_also_over_a_kill(
    lab: Lab, namespace: str, make_broker: Callable[..., RealBroker], tmp_path: Path
) -> None:
    broker = make_broker()
    asyncio.run(create(Broker(bootstrap=broker.bootstrap), Topics().wanted(partitions=6)))
    parts = Distributed(tmp_path, broker)
    parts.key.write_text("k" * 32)
    only = ("--kinds", ",".join(KINDS), "--namespace", namespace)
    halves = [parts.collector(lab.kubeconfig, "lab", *only, "--slot", str(slot)) for slot in HALVES]
    made: list[str] = []
    try:
        for _ in range(2):
            for half in halves:
                half.start()
            for half in halves:
                half.wait_ready()
                assert "standing by" not in half.text, "whoever starts where it died goes on at once"
            made += [make(lab, namespace, plural) for plural in ("configmaps", "secrets", "serviceaccounts") * 5]
            patiently(partial(told_of, broker, set(made)), halves[0].tail, within=30)
            for half in halves:
                half.kill()
    finally:
        for half in halves:
            half.kill()
    records = topic.committed(broker)
    assert max(Counter(topic.keys(records, TYPES)).values()) == 1
    told = {(mark.slot, scope) for mark in records if isinstance(mark, Watermark) for scope in mark.scopes}
    assert told == {(slot.number - 1, f"{kind}/{namespace}") for slot in HALVES for kind in KINDS if slot.has(kind)}


def make(lab: Lab, namespace: str, plural: str) -> str:
    """One more object; its uid."""
    found = lab.client().post(f"/api/v1/namespaces/{namespace}/{plural}", {"metadata": {"generateName": "s-"}})
    return str(found["metadata"]["uid"])


def told_of(broker: RealBroker, uids: set[str]) -> bool:
    """Whether the log has all of these objects."""
    return uids <= {key[1] for key in topic.keys(topic.committed(broker), TYPES)}
