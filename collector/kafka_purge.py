"""A leaked value taken out of what collectors remember, in the compacted topic, by the rules that its writers keep.

The slots of the cluster are taken as a collector takes them: none may be at work, our producers fence theirs, our name
goes into the heads, everything up to the end is read. Then every state and every patch that holds the value is written
again without it, under its own key. A life's mark (`kafka_state.mark`) says nothing of its content, so the accounts of
the kinds stay right; resume points are not touched. In the end the slots are released: the next collector takes over at
once and goes on where the last one was.

An earlier record under a key is given to whoever reads the topic from its beginning until the broker has compacted it
away.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from datetime import datetime
from typing import Final

import msgspec
import orjson
from msgspec import Raw

from collector.kafka import Fenced, Interrupted, KafkaClient, LogClient, Message, Producing
from collector.kafka_state import Entry, Head, Life, Step, encode_head, encode_value, head_key, writer_id
from collector.kafka_table import Known, Table
from collector.rivals import STAND_BY
from collector.sink import SinkError
from schema.canonical import Json, canonical, digest
from schema.kafka import Broker
from schema.patch import PatchConflict, apply
from schema.topics import MIB, Topics

Clean = Callable[[Json], Json]
Holds = Callable[[bytes], bool]

OPERATION: Final = 15.0
TRANSACTION_BYTES: Final = 8 * MIB
FIRST: Final = "1/1"
"""The slot of a cluster that has no head."""


class AtWork(SinkError):
    """A collector records this cluster just now."""


def at_work(heads: Mapping[str, Head], now: datetime) -> Head | None:
    """A collector that has given a sign of life within `STAND_BY` and has not ended in order."""
    fresh = (head for head in heads.values() if not head.released)
    return next((head for head in fresh if abs((now - head.at).total_seconds()) < STAND_BY), None)


def refusal(head: Head) -> str:
    """Why nothing may be changed while this one is at work."""
    return (
        f"{head.instance} records slot {head.slot} of {head.cluster} just now, and would write the value again out of"
        f" its memory: end it first (one that was killed counts for {STAND_BY:.0f} s)"
    )


class Remembering:
    """One cluster's part of the compacted topic, held by us. Use as a context: it lets go of the slots."""

    def __init__(
        self,
        broker: Broker,
        topics: Topics,
        *,
        cluster: str,
        partition: int,
        instance: str,
        clock: Callable[[], datetime],
        client: LogClient | None = None,
    ) -> None:
        self._topics, self._cluster, self._partition = topics, cluster, partition
        self._instance, self._clock = instance, clock
        self._client = client or KafkaClient(broker)
        self._producers: dict[str, Producing] = {}
        self._heads: dict[str, Head] = {}
        self._table = Table(cluster)

    async def __aenter__(self) -> "Remembering":
        """Take every slot. Raises AtWork, SinkError, BrokerError."""
        try:
            async with self._client.reading(self._topics.state, self._partition) as reader:
                await reader.read(self._table.put)
                heads = self._table.heads
                if (rival := at_work(heads, self._clock())) is not None:
                    raise AtWork(refusal(rival))
                self._heads = {slot: self._ours(slot, heads.get(slot)) for slot in heads or (FIRST,)}
                for slot in self._heads:
                    await self._take(slot)
                await reader.read(self._table.put)
        except BaseException:
            await self._let_go()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        with suppress(SinkError):  # a collector has them already
            for slot in self._producers:
                await self._run(slot, [], released=True)
        await self._let_go()

    async def clean(self, clean: Clean, holds: Holds) -> int:
        """Write again without the value whatever holds it; how many records. Raises SinkError."""
        waiting: list[Message] = []
        size = count = 0
        for key, value in self._changed(clean, holds):
            waiting.append(Message(self._topics.state, self._partition, key, value))
            count += 1
            size += len(value or b"")
            if size >= TRANSACTION_BYTES:
                await self._run(next(iter(self._heads)), waiting)
                waiting, size = [], 0
        if waiting:
            await self._run(next(iter(self._heads)), waiting)
        return count

    async def sign(self) -> None:
        """One more record, which ends a segment that is due. Raises SinkError."""
        await self._run(next(iter(self._heads)), [])

    def _changed(self, clean: Clean, holds: Holds) -> Iterator[Entry]:
        for kind in self._table.kinds:
            for known in self._table.lives(kind):
                if holds(encode_value(known.life)) or any(holds(encode_value(step)) for step in known.steps.values()):
                    yield from cleaned(self._cluster, kind, known, clean)

    def _ours(self, slot: str, before: Head | None) -> Head:
        return Head(
            cluster=self._cluster,
            cluster_uid=before.cluster_uid if before else "",
            slot=slot,
            instance=self._instance,
            at=self._clock(),
            batch=0,
            kinds=before.kinds if before else 0,
        )

    async def _take(self, slot: str) -> None:
        name = writer_id(self._topics.state, self._cluster, slot)
        producer = self._producers[slot] = self._client.producing(name, operation=OPERATION)
        await producer.open()
        await self._run(slot, [])

    async def _run(self, slot: str, messages: list[Message], *, released: bool = False) -> None:
        head = msgspec.structs.replace(self._heads[slot], at=self._clock(), released=released)
        signed = Message(self._topics.state, self._partition, head_key(self._cluster, slot), encode_head(head))
        try:
            await self._producers[slot].run([*messages, signed])
        except Fenced:
            raise SinkError(
                f"a collector of {self._cluster} has started meanwhile: end it, and run this again"
            ) from None
        except Interrupted as error:
            raise SinkError(f"what collectors remember could not be written again ({error}): run this again") from None

    async def _let_go(self) -> None:
        for producer in self._producers.values():
            await producer.close()


def cleaned(cluster: str, kind: str, known: Known, clean: Clean) -> list[Entry]:
    """One life's records without the value; hashes are those of what its states say now."""
    key = f"{cluster}|life|{kind}|{known.uid}".encode()
    body: Json = None if known.life.object is None else orjson.loads(bytes(known.life.object))
    life = _named(known.life, clean)
    if isinstance(body, dict):
        kept = canonical(clean(body))
        life = msgspec.structs.replace(life, object=Raw(kept), hash=digest(kept))
    hashes = dict(_hashes(body, known.chain, clean))
    steps = [
        (
            f"{cluster}|step|{kind}|{known.uid}|{place}".encode(),
            encode_value(_step(step, hashes.get(step.seq, step.hash), clean)),
        )
        for place, step in known.steps.items()
    ]
    return [(key, encode_value(life)), *steps]


def _named(life: Life, clean: Clean) -> Life:
    return msgspec.structs.replace(life, namespace=str(clean(life.namespace)), name=str(clean(life.name)))


def _step(step: Step, state_hash: str, clean: Clean) -> Step:
    patch = Raw(orjson.dumps(clean(orjson.loads(bytes(step.patch)))))
    return msgspec.structs.replace(step, patch=patch, hash=state_hash)


def _hashes(state: Json, chain: Iterable[Step], clean: Clean) -> Iterator[tuple[int, str]]:
    """seq → hash of the cleaned state after each step, as far as the states can be told."""
    try:
        for step in chain if isinstance(state, dict) else ():
            state = apply(state, orjson.loads(bytes(step.patch)))
            yield step.seq, digest(canonical(clean(state)))
    except PatchConflict:
        return
