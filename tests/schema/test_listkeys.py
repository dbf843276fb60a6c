"""Without a schema, the fields that identify list items are guessed as the Kubernetes API would name them."""

import pytest

from schema.canonical import Json
from schema.listkeys import heuristic


@pytest.mark.parametrize(
    ("items", "fields"),
    [
        ([{"name": "web", "image": "a"}, {"name": "log", "image": "a"}], ("name",)),
        ([{"type": "Ready", "status": "True"}, {"type": "Synced", "status": "True"}], ("type",)),
        ([{"name": "http", "containerPort": 80, "protocol": "TCP"}], ("containerPort", "protocol")),
        ([{"name": "http", "port": 80, "protocol": "TCP", "targetPort": 8080}], ("port", "protocol")),
        ([{"name": "tmp", "mountPath": "/a"}, {"name": "tmp", "mountPath": "/b"}], ("mountPath",)),
        ([{"name": "rs", "uid": "1"}, {"name": "rs", "uid": "2"}], ("uid",)),
        ([{"ip": "10.0.0.1"}, {"ip": "fd00::1"}], ("ip",)),
        (
            [{"topologyKey": "zone", "whenUnsatisfiable": "DoNotSchedule", "maxSkew": 1}],
            ("topologyKey", "whenUnsatisfiable"),
        ),
        ([{"key": "a", "effect": "NoExecute"}, {"key": "a", "effect": "NoSchedule"}], ("key", "effect")),
        ([{"name": "a"}, {"name": "a"}], None),
        ([{"name": "a"}, {"title": "b"}], None),
        ([{"name": None}], None),
        ([{"name": True}], None),
        ([{"name": ["a"]}], None),
        (["a", "b"], None),
        ([{"name": "a"}, "b"], None),
        ([{}], None),
    ],
)
def test_items_are_known_by_the_fields_that_kubernetes_would_take(items: list[Json], fields: tuple[str, ...]) -> None:
    assert heuristic((), items, items) == fields
    assert heuristic((), items, []) == fields


def test_both_sides_must_agree() -> None:
    assert heuristic((), [{"name": "a"}], [{"name": "b"}, {"name": "b"}]) is None
    assert heuristic((), [{"name": "a", "type": "x"}], [{"type": "x"}]) == ("type",)
    assert heuristic((), [], []) is None
