"""What every API server promises to capture: the simulated one, the same behind a socket, and a real control plane."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Final, Protocol

import orjson
import pytest
import pytest_asyncio

from collector.clock import utc_now
from collector.cluster import Cluster, Expired
from collector.credentials import load_credentials
from collector.kubeapi import KubeApi
from collector.lines import LineSplitter, bookmark, error_of, line_type
from collector.skew import Skew
from schema.objects import Kind
from tests.controlplane.api import Api
from tests.controlplane.lab import Lab
from tests.fakes.cluster import ALL
from tests.simulation.server import Server
from tests.simulation.web import served
from tests.simulation.world import World

KIND: Final = Kind(group="", version="v1", resource="configmaps", kind="ConfigMap", namespaced=True, verbs=ALL)
ROOT_CA: Final = "kube-root-ca.crt"
"""Controllers put it into every namespace."""


class Plane(Protocol):
    """A server and somebody who writes to it. Each write returns its resourceVersion."""

    cluster: Cluster
    namespace: str

    def create(self, name: str) -> str: ...
    def update(self, name: str) -> str: ...
    def delete(self, name: str) -> str: ...


@dataclass
class Simulated:
    """In memory, or behind a socket."""

    cluster: Cluster
    server: Server
    namespace: str = "shop"

    def create(self, name: str) -> str:
        return self._told(self.server.world.create((KIND.id, "shop", name), 0.0).rv)

    def update(self, name: str) -> str:
        return self._told(self.server.world.update((KIND.id, "shop", name), 0.0).rv)

    def delete(self, name: str) -> str:
        return self._told(self.server.world.delete((KIND.id, "shop", name), 0.0).rv)

    def _told(self, rv: int) -> str:
        self.server.tell()
        return str(rv)


@dataclass
class Real:
    """A control plane."""

    cluster: Cluster
    api: Api
    namespace: str
    writes: int = field(default=0)

    @property
    def _path(self) -> str:
        return f"/api/v1/namespaces/{self.namespace}/configmaps"

    def create(self, name: str) -> str:
        return _rv(self.api.post(self._path, {"metadata": {"name": name}}))

    def update(self, name: str) -> str:
        self.writes += 1
        return _rv(self.api.patch(f"{self._path}/{name}", {"data": {"n": str(self.writes)}}))

    def delete(self, name: str) -> str:
        """The answer carries the last version of the object; a list knows the one of its end."""
        self.api.delete(f"{self._path}/{name}")
        return str(self.api.get(self._path)["metadata"]["resourceVersion"])


def _rv(obj: dict[str, dict[str, str]]) -> str:
    return obj["metadata"]["resourceVersion"]


def _server() -> Server:
    return Server(World({KIND.id: KIND}, Random(1)), Random(1))


@asynccontextmanager
async def simulated(_: pytest.FixtureRequest) -> AsyncIterator[Plane]:
    server = _server()
    yield Simulated(server, server)


@asynccontextmanager
async def behind_a_socket(_: pytest.FixtureRequest) -> AsyncIterator[Plane]:
    server = _server()
    async with served(server) as api:
        yield Simulated(api, server)


@asynccontextmanager
async def real(request: pytest.FixtureRequest) -> AsyncIterator[Plane]:
    lab: Lab = request.getfixturevalue("lab")
    credentials = await load_credentials(kubeconfig=str(lab.kubeconfig), environ={}, home=Path.home())
    api = KubeApi(credentials, skew=Skew(), clock=utc_now, random=Random(1))
    try:
        yield Real(api, lab.client(), request.getfixturevalue("namespace"))
    finally:
        await api.close()


Making = Callable[[pytest.FixtureRequest], AbstractAsyncContextManager[Plane]]


@pytest_asyncio.fixture(
    params=[
        pytest.param(simulated, id="simulated"),
        pytest.param(behind_a_socket, id="socket"),
        pytest.param(real, id="real", marks=pytest.mark.controlplane),
    ]
)
async def plane(request: pytest.FixtureRequest) -> AsyncIterator[Plane]:
    make: Making = request.param
    async with make(request) as made:
        yield made


@dataclass(frozen=True)
class Told:
    """A line of a watch: type, name, version."""

    type: str
    name: str
    rv: str


async def watched(plane: Plane, count: int, *, rv: str = "", initial: bool = False) -> list[Told]:
    """The first so many lines about objects or ends of initial lists."""
    splitter, told = LineSplitter(), list[Told]()
    async with asyncio.timeout(20), plane.cluster.watch(KIND, plane.namespace, rv=rv, initial=initial) as chunks:
        async for chunk in chunks:
            told += [each for line in splitter.feed(chunk) if (each := _told(line)) is not None]
            if len(told) >= count:
                break
    return told


def _told(line: bytes) -> Told | None:
    kind = line_type(line)
    if kind == "BOOKMARK":
        rv, ends = bookmark(line)
        return Told("END", "", rv) if ends else None
    if kind == "ERROR":
        raise error_of(line, what="watch")
    meta = orjson.loads(line)["object"]["metadata"]
    return Told(kind, meta["name"], meta["resourceVersion"]) if meta["name"] != ROOT_CA else None


def names(items: list[bytes]) -> list[str]:
    return [orjson.loads(item)["metadata"]["name"] for item in items if ROOT_CA.encode() not in item]


async def at(plane: Plane, rv: str, *, name: str = "") -> list[str]:
    return names([*(await plane.cluster.exact(KIND, plane.namespace, rv=rv, name=name)).items])


async def test_a_cluster_has_one_identity(plane: Plane) -> None:
    assert await plane.cluster.uid() == await plane.cluster.uid() != ""


async def test_discovery_names_what_can_be_watched(plane: Plane) -> None:
    found = await plane.cluster.discover()
    [kind] = [kind for kind in found.kinds if kind.id == KIND.id]
    assert kind.namespaced
    assert kind.verbs >= {"list", "watch"}


async def test_a_watch_from_a_lists_version_tells_what_came_after_it(plane: Plane) -> None:
    plane.create("a")
    page = await plane.cluster.page(KIND, plane.namespace)
    assert names([*page.items]) == ["a"]
    later = [plane.update("a"), plane.create("b"), plane.delete("a")]
    told = await watched(plane, 3, rv=page.rv)
    assert [(one.type, one.name) for one in told] == [("MODIFIED", "a"), ("ADDED", "b"), ("DELETED", "a")]
    assert [one.rv for one in told] == later


async def test_a_streaming_list_ends_with_its_mark_and_goes_on_live(plane: Plane) -> None:
    first = plane.create("a")
    writing = asyncio.get_running_loop().call_later(0.3, plane.update, "a")
    told = await watched(plane, 3, initial=True)
    writing.cancel()
    assert [one.type for one in told] == ["ADDED", "END", "MODIFIED"]
    assert told[0].rv == first
    assert int(first) <= int(told[1].rv) < int(told[2].rv)


async def test_pages_together_are_the_list(plane: Plane) -> None:
    for name in "abc":
        plane.create(name)
    seen, more = list[bytes](), ""
    while True:
        page = await plane.cluster.page(KIND, plane.namespace, more=more, limit=1)
        assert len(page.items) <= 1
        seen += page.items
        if not (more := page.more):
            break
    assert names(seen) == ["a", "b", "c"]


async def test_an_exact_list_shows_what_was(plane: Plane) -> None:
    before = plane.create("a")
    plane.create("b")
    end = plane.delete("a")
    assert await at(plane, before) == ["a"]
    assert await at(plane, end) == ["b"]
    assert await at(plane, str(int(end) - 1), name="a") == ["a"]
    assert await at(plane, end, name="a") == []


async def test_a_watch_from_the_future_is_silent_about_what_comes_before(plane: Plane) -> None:
    rv = int(plane.create("a"))
    told = asyncio.create_task(watched(plane, 1, rv=str(rv + 2)))
    await asyncio.sleep(0.2)
    for _ in range(40):
        if told.done():
            break
        last = plane.update("a")
        await asyncio.sleep(0.05)
    [one] = await told
    assert int(last) >= int(one.rv) > rv + 2


async def test_what_is_compacted_is_refused(plane: Plane) -> None:
    if isinstance(plane, Real):
        pytest.xfail("a control plane compacts after five minutes; tests/e2e/test_forgotten.py waits for it")
    assert isinstance(plane, Simulated)
    before = plane.create("a")
    plane.update("a")
    plane.server.world.compact()
    plane.server.world.forget(KIND.id)
    with pytest.raises(Expired):
        await at(plane, before)
    with pytest.raises(Expired):
        await watched(plane, 1, rv=before)
