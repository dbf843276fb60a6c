"""What is recorded against what the cluster has: differences that stay are told, changes in flight are not."""

from collections.abc import Awaitable, Callable, Mapping
from random import Random
from typing import Final

import orjson
import pytest

from collector.cluster import NotServed
from kubelapse.auditing import Audited, audit, reached, scopes_of
from schema.objects import Kind, Scope
from tests.fakes.cluster import ALL
from tests.simulation.server import Server
from tests.simulation.world import World

KIND: Final = Kind(group="", version="v1", resource="configmaps", kind="ConfigMap", namespaced=True, verbs=ALL)
ALL_OF_IT: Final = Scope(KIND.id)


@pytest.fixture
def server() -> Server:
    """Three objects."""
    server = Server(World({KIND.id: KIND}, Random(1)), Random(1))
    for name in "abc":
        server.world.create((KIND.id, "shop", name), 0.0)
    return server


def truth(server: Server) -> dict[str, str]:
    metas = [orjson.loads(raw)["metadata"] for raw in server.world.state(KIND.id, "")]
    return {meta["uid"]: meta["resourceVersion"] for meta in metas}


def telling(*answers: Mapping[str, str]) -> Callable[[Scope], Awaitable[Mapping[str, str]]]:
    """History's answers, one after the other."""
    left = list(answers)

    async def history(_: Scope) -> Mapping[str, str]:
        return left.pop(0) if len(left) > 1 else left[0]

    return history


async def audited(server: Server, *answers: Mapping[str, str]) -> Audited:
    [found] = await audit(server, telling(*answers), [(KIND, ALL_OF_IT)], pause=0.0)
    return found


async def test_the_same_is_the_same(server: Server) -> None:
    found = await audited(server, truth(server))
    assert (found.objects, list(found.differences), found.why) == (3, [], "")


async def test_what_is_missing_older_or_gone_is_told_with_both_versions(server: Server) -> None:
    known = truth(server)
    (missing, rv), (older, newer) = list(known.items())[:2]
    found = await audited(server, {**known, older: "1", "ghost-1": "7"} | {missing: ""})
    assert {one.uid: (one.cluster, one.history) for one in found.differences} == {
        missing: (rv, ""),
        older: (newer, "1"),
        "ghost-1": ("", "7"),
    }


async def test_a_change_in_flight_is_no_difference(server: Server) -> None:
    before = truth(server)
    server.world.update((KIND.id, "shop", "a"), 1.0)
    server.world.delete((KIND.id, "shop", "b"), 1.0)
    assert list((await audited(server, before, truth(server))).differences) == []


async def test_history_may_be_newer_than_what_was_listed(server: Server) -> None:
    assert list((await audited(server, dict.fromkeys(truth(server), "999999"))).differences) == []


async def test_a_kind_that_cannot_be_listed_says_why_and_stops_no_other(server: Server) -> None:
    server.forbidden.add(KIND.id)
    found = await audited(server, {})
    assert (found.differences, found.why) == ((), "forbidden")


def test_versions_that_are_no_numbers_are_only_compared_for_equality() -> None:
    assert [reached("x", "x"), reached("y", "x"), reached("9", "8"), reached("7", "8")] == [True, False, True, False]


def test_a_recorded_kind_that_the_cluster_does_not_have_is_named() -> None:
    assert scopes_of([KIND], {KIND.id: ["a", "b"]}) == [(KIND, Scope(KIND.id, "a")), (KIND, Scope(KIND.id, "b"))]
    with pytest.raises(NotServed, match=r"widgets\.example\.org"):
        scopes_of([KIND], {"widgets.example.org": []})
