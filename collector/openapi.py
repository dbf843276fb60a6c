"""What the server's OpenAPI v3 says of fields, learnt beside capture and never in its way.

`/openapi/v3` names one document per group and version, with a hash (KEP-2896): only what has another hash is asked for
again. Documents are read one after the other, up to a size, within a time; each is cut down to `schema.kindschema` in a
thread and dropped. Where there is no right to them, or no such endpoint (before Kubernetes 1.24), lists go on to be
compared by what managedFields and the items themselves say.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Final, TypeVar

import msgspec

from collector.backoff import set_within
from collector.cluster import BadAnswer, Cluster, ClusterError
from collector.extraction import Component, extract
from schema.kindschema import KindSchema, Places
from schema.objects import Kind

log = logging.getLogger(__name__)

LARGEST: Final = 24 * 2**20
"""Bytes of one document; those of large operators have 3 MB."""

WITHIN: Final = 20.0
"""Seconds for one document."""

AGAIN: Final = 600.0
"""Seconds between two looks at the index, when nothing calls for one."""

SETTLING: Final = (0.5, 1.0, 2.0, 4.0, 8.0, 15.0)
"""Seconds between looks after a change of kinds: the documents follow a CRD by a second or more."""


class _Entry(msgspec.Struct, rename={"url": "serverRelativeURL"}):
    url: str = ""


class _Index(msgspec.Struct):
    paths: dict[str, _Entry] = {}


class _Components(msgspec.Struct):
    schemas: dict[str, Component] = {}


class _Document(msgspec.Struct):
    components: _Components = msgspec.field(default_factory=_Components)


T = TypeVar("T")
_index: Final = msgspec.json.Decoder(_Index)
_document: Final = msgspec.json.Decoder(_Document)

Told = Callable[[Mapping[str, KindSchema]], Awaitable[None]]


class ListMapKeys:
    """Which fields identify the items of lists, by kind, as the server says: shared by everything that compares."""

    def __init__(self) -> None:
        self._kinds: dict[str, Places[tuple[str, ...]]] = {}

    def learn(self, schemas: Mapping[str, KindSchema]) -> None:
        """These kinds are served like this now."""
        for kind, schema in schemas.items():
            self._kinds[kind] = Places((place, tuple(fields)) for place, fields in schema.keys.items())

    def of(self, kind: str) -> Places[tuple[str, ...]] | None:
        """None: nothing is known of the kind."""
        return self._kinds.get(kind)


@dataclass(slots=True)
class Learnt:
    """One look at the documents: what is new, and what of the wanted kinds is still without a schema."""

    schemas: dict[str, KindSchema]
    missing: int


class OpenApi:
    """The documents of one cluster, and which of them were read."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._read: dict[str, tuple[str, frozenset[str]]] = {}
        self._known: dict[str, KindSchema] = {}

    async def refresh(self, kinds: Iterable[Kind]) -> Learnt:
        """Read what changed and concerns these kinds. Raises ClusterError when not even the index can be had."""
        index = await self._get("/openapi/v3", _index)
        wanted: dict[str, list[Kind]] = {}
        for kind in kinds:
            wanted.setdefault(_key(kind), []).append(kind)
        found: dict[str, KindSchema] = {}
        for key, some in wanted.items():
            entry = index.paths.get(key)
            asked = (entry.url if entry else "", frozenset(kind.id for kind in some))
            if entry is None or self._read.get(key) == asked:
                continue
            try:
                document = await self._get(entry.url, _document)
            except ClusterError as error:
                log.info("the schema of %s is not known: %s", key, error)
                continue
            found |= await asyncio.to_thread(extract, document.components.schemas, some)
            self._read[key] = asked
            del document
        news = {kind: schema for kind, schema in found.items() if self._known.get(kind) != schema}
        self._known |= news
        return Learnt(news, sum(kind.id not in self._known for some in wanted.values() for kind in some))

    async def _get(self, path: str, decoder: msgspec.json.Decoder[T]) -> T:
        try:
            async with asyncio.timeout(WITHIN):
                body = await self._cluster.document(path, most=LARGEST)
        except TimeoutError as error:
            raise BadAnswer(f"{path} took longer than {WITHIN:.0f} s") from error
        try:
            return await asyncio.to_thread(decoder.decode, body)
        except msgspec.MsgspecError as error:
            raise BadAnswer(f"{path} is not readable: {error}") from error


class SchemaWatch:
    """Keeps what is known of the kinds up to date for as long as capture runs."""

    def __init__(self, cluster: Cluster, *, keys: ListMapKeys, failed: Callable[[], None]) -> None:
        """`failed`: counts looks that gave nothing."""
        self._openapi = OpenApi(cluster)
        self._keys = keys
        self._failed = failed
        self._kinds: Mapping[str, Kind] = {}
        self._poked = asyncio.Event()

    def want(self, kinds: Mapping[str, Kind]) -> None:
        """These kinds are watched now."""
        if kinds.keys() - self._kinds.keys():
            self._poked.set()
        self._kinds = dict(kinds)

    def poke(self) -> None:
        """A CRD or APIService changed."""
        self._poked.set()

    async def run(self, told: Told) -> None:
        """Look, tell what is new, wait; until cancelled."""
        while True:
            poked = await set_within(self._poked, AGAIN)
            self._poked.clear()
            for pause in SETTLING if poked else SETTLING[:1]:
                await asyncio.sleep(pause)
                if await self._look(told) == 0 and pause > 1.0:
                    break

    async def _look(self, told: Told) -> int:
        """How many kinds are still without a schema."""
        try:
            learnt = await self._openapi.refresh(self._kinds.values())
        except ClusterError as error:
            self._failed()
            log.info("OpenAPI schemas cannot be had, lists are compared by managedFields: %s", error)
            return 0
        if learnt.schemas:
            self._keys.learn(learnt.schemas)
            await told(learnt.schemas)
        return learnt.missing


def _key(kind: Kind) -> str:
    return f"apis/{kind.group}/{kind.version}" if kind.group else f"api/{kind.version}"
