"""What an operator does to a topic: taking away its oldest records, hurrying the broker with its files (aiokafka 0.14).

`DeleteRecords` moves the log's start: no reader is given anything before it. The bytes lie in segment files, and a file
goes when all of it stands before the start, with the next look at retention (`log.retention.check.interval.ms`) and
after `file.delete.delay.ms`; never the one that is written to. Compaction, too, leaves that one alone. A segment ends
when a record is written after `segment.ms`: so that is lowered for a moment, and something is written. It stands before
the first record of the next segment; only a log that begins there has lost the file.

Settings are changed one by one (IncrementalAlterConfigs, Kafka 2.3): aiokafka's AlterConfigs would replace all others.
"""

import asyncio
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any, Final

import aiokafka.errors as kafka
from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, RecordsToDelete
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.protocol.api import Request, RequestStruct, Response
from aiokafka.protocol.types import Array, Boolean, Int8, Int16, Int32, Schema, String

from schema.kafka import Broker, BrokerError, admin, as_broker_errors, started

HURRY: Final[Mapping[str, str]] = {"segment.ms": "211", "min.cleanable.dirty.ratio": "0.0017"}
"""Odd values: whoever finds them knows that they are ours, and that a purge broke off."""
_OWN: Final = 1
_SET, _DELETE = 0, 1
_ACTIVE: Final = ("Stable", "PreparingRebalance", "CompletingRebalance")
KNOWN_WITHIN: Final = 10.0
_TEXT: Final = String("utf-8")


class _Answer(Response):  # type: ignore[misc] # aiokafka ships no types
    API_KEY = 44
    API_VERSION = 0
    SCHEMA = Schema(
        ("throttle_time_ms", Int32),
        ("responses", Array(("error_code", Int16), ("message", _TEXT), ("resource_type", Int8), ("name", _TEXT))),
    )


class _Question(RequestStruct):  # type: ignore[misc] # aiokafka ships no types
    API_KEY = 44
    API_VERSION = 0
    RESPONSE_TYPE = _Answer
    SCHEMA = Schema(
        (
            "resources",
            Array(
                ("resource_type", Int8),
                ("name", _TEXT),
                ("configs", Array(("name", _TEXT), ("operation", Int8), ("value", _TEXT))),
            ),
        ),
        ("validate_only", Boolean),
    )


class _Change(Request[_Question]):  # type: ignore[misc] # aiokafka ships no types
    API_KEY = 44

    def __init__(self, topic: str, changes: Mapping[str, str | None]) -> None:
        self._topic, self._changes = topic, changes

    def build(self, kind: type[_Question]) -> _Question:
        changes = [(name, _DELETE if value is None else _SET, value) for name, value in self._changes.items()]
        return kind([(int(ConfigResourceType.TOPIC), self._topic, changes)], False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """A consumer group. `members`: readers that are in it now; `offsets`: partition → where each goes on."""

    name: str
    members: int
    offsets: Mapping[int, int]


async def groups(broker: Broker, topic: str) -> list[Group]:
    """The groups that read this topic, as far as we may see them. Raises BrokerError."""
    with as_broker_errors(broker):
        async with admin(broker) as client:
            names = sorted({str(name) for name, *_ in await client.list_consumer_groups()})
            found = [await _group(client, name, topic) for name in names]
    return [one for one in found if one.offsets]


async def _group(client: AIOKafkaAdminClient, name: str, topic: str) -> Group:
    offsets = await client.list_consumer_group_offsets(name)
    [answer] = await client.describe_consumer_groups([name])
    members = sum(len(one[5]) for one in answer.groups if one[2] in _ACTIVE)
    mine = {place.partition: int(there.offset) for place, there in offsets.items() if place.topic == topic}
    return Group(name=name, members=members, offsets=mine)


async def delete_before(broker: Broker, topic: str, offsets: Mapping[int, int]) -> None:
    """No reader is given anything before these offsets any more. Raises BrokerError."""
    with as_broker_errors(broker):
        async with admin(broker) as client:
            wanted = {TopicPartition(topic, number): RecordsToDelete(offset) for number, offset in offsets.items()}
            await client.delete_records(wanted)


@asynccontextmanager
async def hurried(broker: Broker, topic: str, names: Collection[str], usual: Mapping[str, str]) -> AsyncIterator[None]:
    """These settings of a topic as in `HURRY` for a while. `usual`: what they are where a purge left its own behind."""
    with as_broker_errors(broker):
        async with admin(broker) as client:
            there = await _settings(client, topic)
    before = {name: there.get(name) if there.get(name) != HURRY[name] else usual.get(name) for name in names}
    await _change(broker, topic, {name: HURRY[name] for name in names})
    try:
        await _known(broker, topic, names)
        yield
    finally:
        await asyncio.shield(_restore(broker, topic, before))


async def _restore(broker: Broker, topic: str, before: Mapping[str, str | None]) -> None:
    try:
        await _change(broker, topic, before)
    except BrokerError as error:
        raise BrokerError(
            f"{error}; {', '.join(before)} of the topic {topic} are still lowered: run this again"
        ) from None


async def setting(broker: Broker, topic: str, name: str) -> str | None:
    """What holds for this topic, its own or the broker's default."""
    with as_broker_errors(broker):
        async with admin(broker) as client:
            return (await _settings(client, topic, own=False)).get(name)


async def broker_setting(broker: Broker, name: str) -> str | None:
    """What one of the brokers has; None where we may not ask."""
    async with admin(broker) as client:
        with suppress(kafka.KafkaError, OSError, TimeoutError):
            node = (await client.describe_cluster())["brokers"][0]["node_id"]
            [answer] = [
                one
                for one in await client.describe_configs([ConfigResource(ConfigResourceType.BROKER, str(node))])
                if one.resources
            ]
            return next((entry[1] for entry in answer.resources[0][4] if entry[0] == name), None)
    return None


async def roll(broker: Broker, topic: str, partitions: Sequence[int]) -> dict[int, int]:
    """End the segments that are written to, if that is due: by a transaction that is taken back.

    The offset with which the next segment begins, of each partition. Raises BrokerError.
    """
    producer = AIOKafkaProducer(**broker.options(), transactional_id=f"kubelapse-purge-{topic}")
    try:
        await started(producer, broker)
        with as_broker_errors(broker):
            await producer.begin_transaction()
            sent = [(await producer.send_and_wait(topic, b"", partition=number)) for number in partitions]
            await producer.abort_transaction()
            return {one.partition: int(one.offset) for one in sent}
    finally:
        with suppress(kafka.KafkaError, OSError, TimeoutError):
            await asyncio.wait_for(producer.stop(), 5)


async def _known(broker: Broker, topic: str, names: Collection[str]) -> None:
    """Until the broker that answers goes by the new settings."""
    end = asyncio.get_running_loop().time() + KNOWN_WITHIN
    with as_broker_errors(broker):
        async with admin(broker) as client:
            while asyncio.get_running_loop().time() < end:
                there = await _settings(client, topic)
                if all(there.get(name) == HURRY[name] for name in names):
                    break
                await asyncio.sleep(0.1)
    await asyncio.sleep(2 * int(HURRY["segment.ms"]) / 1000)


async def _settings(client: AIOKafkaAdminClient, topic: str, *, own: bool = True) -> dict[str, str]:
    """A topic's settings. `own`: only those that were set on the topic itself."""
    answers = await client.describe_configs([ConfigResource(ConfigResourceType.TOPIC, topic)])
    return {
        entry[0]: entry[1] or ""
        for answer in answers
        for resource in answer.resources
        if not resource[0]
        for entry in resource[4]
        if not own or entry[3] == _OWN
    }


async def _change(broker: Broker, topic: str, changes: Mapping[str, str | None]) -> None:
    with as_broker_errors(broker):
        async with admin(broker) as client:
            answer: Any = await client._send_request(_Change(topic, changes))
            for code, message, *_ in answer.responses:
                if code:
                    raise kafka.for_code(code)(message)
