"""Random histories in which everything happens: lives end and begin again, lists are edited, moved and rewritten."""

import copy
import random
from dataclasses import dataclass
from typing import Any

import orjson

from schema.events import Event
from tests.fakes.history import History

KINDS = ("configmaps", "deployments.apps", "pods")
NAMESPACES = ("shop", "test")
STEP = 10.0
_LABELS = ({"app": "web"}, {"app": "db"}, {"app": "web", "tier": "front"})


@dataclass(frozen=True, slots=True)
class Told:
    """An event and the state after it, also where its row carries none."""

    event: Event
    state: Any


def tell(history: History, chance: random.Random, *, objects: int = 12, changes: int = 120) -> list[Told]:
    """`changes` events about so many names, STEP seconds apart, some at the same moment; told, not yet stored."""
    told: list[Told] = []
    living: dict[tuple[str, str], Any] = {}
    names = [(chance.choice(KINDS), f"{chance.choice(NAMESPACES)}/o{number}") for number in range(objects)]
    seconds = STEP
    for _ in range(changes):
        kind, name = chance.choice(names)
        seconds += STEP * chance.choice((0, 1, 1, 2))
        body = living.get((kind, name))
        if body is not None and chance.random() < 0.12:
            told.append(_told(history.delete(kind, name, at=seconds)))
            del living[kind, name]
            continue
        body = _changed(chance, body) if body is not None else _born(chance)
        event = history.put(
            kind,
            name,
            body,
            at=seconds,
            by=chance.choice(("helm", "kubectl-edit", "controller")),
            noise=chance.choice(("", "", "heartbeat")) if (kind, name) in living else "",
            labels=chance.choice(_LABELS),
        )
        told.append(_told(event, left_out=(kind, name) in living and chance.random() < 0.2))
        living[kind, name] = body
    return told


def _told(event: Event, *, left_out: bool = False) -> Told:
    state = orjson.loads(bytes(event.object or b""))
    if left_out:
        event.object = None
    return Told(event, state)


def _born(chance: random.Random) -> Any:
    return {
        "spec": {
            "replicas": chance.randrange(3),
            "containers": [_item(chance, name) for name in chance.sample(("a", "b", "c"), chance.randrange(1, 4))],
            "args": chance.sample(["x", "y", "z"], chance.randrange(4)),
            "rows": [chance.randrange(2) for _ in range(chance.randrange(4))],
        },
        "data": {},
    }


def _item(chance: random.Random, name: str) -> Any:
    ports = [{"port": port, "name": f"p{port}"} for port in chance.sample((80, 81), chance.randrange(3))]
    return {"name": name, "image": f"{name}:{chance.randrange(3)}", "ports": ports}


def _changed(chance: random.Random, before: Any) -> Any:
    body = copy.deepcopy(before)
    spec, fresh = body["spec"], _born(chance)["spec"]
    what = chance.choice(
        ("replicas", "image", "containers", "args", "rows", "shuffle", "data", "data", "rename", "deep")
    )
    if what == "image" and spec["containers"]:
        chance.choice(spec["containers"])["image"] = f"i:{chance.randrange(3)}"
    elif what == "shuffle":
        chance.shuffle(spec["containers"])
    elif what == "data":
        key = chance.choice(("k", "a.b/c", "0"))
        body["data"].pop(key, None) if chance.random() < 0.4 else body["data"].update(
            {key: chance.choice((1, 1.0, True))}
        )
    elif what == "rename" and spec["containers"]:
        chance.choice(spec["containers"]).pop("name", None)
    elif what == "deep":
        body["data"]["deep"] = chance.choice(({}, [], {"n": [{"v": chance.randrange(2)}]}, None))
    elif what in fresh:
        spec[what] = fresh[what]
    return body
