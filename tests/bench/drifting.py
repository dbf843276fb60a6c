"""What drift costs on a long history: 5,000 objects against their manifests, one in twenty of which differs."""

import time
from datetime import datetime

import msgspec
import orjson

from query import baselines, drift_rules
from query.baselines import Question
from query.drift import Asked, drift
from query.refs import KnownKind
from query.scope import Scope
from schema.canonical import Json, JsonObject
from schema.chdb import ChdbStore
from tests.bench.report import figure, median

PODS = KnownKind(cluster="bench", resource="pods", group="", version="v1", kind="Pod", namespaced=True)
SCOPE = Scope(clusters=("bench",), namespaces=("crowded",))
EVERY = 20


def run(store: ChdbStore, shape: JsonObject, *, objects: int, events: int, now: datetime) -> None:
    """From parsed documents to the encoded answer."""
    documents: list[Json] = [_manifest(shape, number) for number in range(objects)]
    took, spent, found = [], [], 0
    for _ in range(5):
        began, busy = time.monotonic(), time.process_time()
        question = Question(words="", scope=SCOPE, known=[PODS], at=now, open_end=True, now=now, manifests=documents)
        made = baselines.resolve(store, question)
        answer = drift(store, made, Asked(at=now, open_end=True, rules=drift_rules.rules(), known=[PODS]))
        msgspec.json.encode(answer)
        took.append(time.monotonic() - began)
        spent.append(time.process_time() - busy)
        found = answer.drifted
    parameters = {"events": events, "objects": objects, "drifted": found}
    figure("drift against manifests, p50", median(took), "s", **parameters)
    figure("drift against manifests, CPU", median(spent), "s", **parameters)


def _manifest(shape: JsonObject, number: int) -> JsonObject:
    """As somebody would have written it; every twentieth has an image of its own."""
    text = orjson.dumps(shape).replace(b"@NAME@", b"object-%d" % number).replace(b"@NS@", b"crowded")
    document: JsonObject = orjson.loads(text)
    document.pop("status")
    metadata, spec = document["metadata"], document["spec"]
    assert isinstance(metadata, dict)
    assert isinstance(spec, dict)
    for name in ("uid", "creationTimestamp"):
        metadata.pop(name)
    containers = spec["containers"]
    assert isinstance(containers, list)
    for container in containers:
        assert isinstance(container, dict)
        container.pop("readinessProbe")
        if number % EVERY == 0:
            container["image"] = "registry.example/team/other:v2"
    return document
