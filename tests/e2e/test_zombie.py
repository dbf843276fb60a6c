"""A collector that was taken for dead, and is not: it must neither write nor go on."""

import asyncio
import os
import signal
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from schema.kafka import Broker, create
from schema.topics import Topics
from tests.controlplane.lab import Lab
from tests.e2e import topic
from tests.e2e.compare import TYPES
from tests.e2e.distributed import Distributed, patiently
from tests.kafka.broker import RealBroker

pytestmark = [pytest.mark.controlplane, pytest.mark.kafka, pytest.mark.timeout(300)]

# Long enough for the heir to take the slot (15 s of silence); the full proof takes 30.
FROZEN = float(os.environ.get("KUBELAPSE_TEST_FROZEN", "22"))
FENCED = 14


def test_a_frozen_collector_whose_slot_was_taken_writes_nothing_and_ends_with_the_reason(
    lab: Lab, namespace: str, make_broker: Callable[..., RealBroker], tmp_path: Path
) -> None:
    broker = make_broker()
    asyncio.run(create(Broker(bootstrap=broker.bootstrap), Topics().wanted(partitions=6)))
    parts = Distributed(tmp_path, broker)
    parts.key.write_text("k" * 32)
    arguments = ("--kinds", "configmaps,pods")
    zombie, heir = (parts.collector(lab.kubeconfig, "lab", *arguments) for _ in range(2))
    try:
        zombie.start().wait_ready()
        heir.start()
        patiently(lambda: "standing by" in heir.text, heir.tail, within=20)
        zombie.signal(signal.SIGSTOP)
        began, written = time.monotonic(), list[str]()
        while time.monotonic() - began < FROZEN or not heir.ready():
            assert time.monotonic() - began < 60, heir.tail()
            written.append(write(lab, namespace))
        zombie.signal(signal.SIGCONT)
        assert zombie.wait() == FENCED, zombie.tail()
        assert "has taken over slot 1/1 of lab: this collector ends" in zombie.text
        written.append(write(lab, namespace))
        patiently(lambda: seen(broker, written[-1]), heir.tail, within=20)
    finally:
        assert heir.stop() == 0, heir.tail()
        zombie.kill()
    counted = Counter(topic.keys(topic.committed(broker), TYPES))
    assert {uid for kind, uid, _, _ in counted if kind == "configmaps"} >= set(written)
    assert max(counted.values()) == 1, [key for key, times in counted.items() if times > 1]


def write(lab: Lab, namespace: str) -> str:
    """One more config map; its uid."""
    time.sleep(0.2)
    made = lab.client().post(f"/api/v1/namespaces/{namespace}/configmaps", {"metadata": {"generateName": "z-"}})
    return str(made["metadata"]["uid"])


def seen(broker: RealBroker, uid: str) -> bool:
    """Whether the log tells of this object."""
    return any(key[1] == uid for key in topic.keys(topic.committed(broker), TYPES))
