"""What stands in the log in Kafka, read by a consumer of its own: committed records only."""

import asyncio
from collections.abc import Iterator

from aiokafka import AIOKafkaConsumer, TopicPartition

from schema import codec
from schema.events import Event, Record
from schema.topics import Topics
from tests.kafka.broker import RealBroker


def committed(broker: RealBroker, topics: Topics | None = None) -> list[Record]:
    """Every record of all partitions, in order within each."""
    return asyncio.run(_committed(broker, topics or Topics()))


def sizes(broker: RealBroker) -> dict[str, int]:
    """Bytes on the broker's disk, by topic; only what was closed into files counts."""
    found: dict[str, int] = {}
    for file in (broker.directory / "data").glob("*/*.log"):
        topic = file.parent.name.rpartition("-")[0]
        found[topic] = found.get(topic, 0) + file.stat().st_size
    return found


def keys(records: list[Record], kinds: dict[str, str]) -> Iterator[tuple[str, str, int, str]]:
    """`tests.e2e.truth.Seen.key` of each change. `kinds`: op → type of the watch event."""
    for record in records:
        if isinstance(record, Event):
            yield (record.kind_id, record.uid, int(record.rv), kinds[record.op])


async def _committed(broker: RealBroker, topics: Topics) -> list[Record]:
    consumer = AIOKafkaConsumer(
        bootstrap_servers=broker.bootstrap, isolation_level="read_committed", enable_auto_commit=False
    )
    await consumer.start()
    try:
        await consumer._client.add_topic(topics.changes)
        places = [TopicPartition(topics.changes, number) for number in consumer.partitions_for_topic(topics.changes)]
        consumer.assign(places)
        await consumer.seek_to_beginning()
        ends = await consumer.end_offsets(places)
        found: dict[int, list[Record]] = {place.partition: [] for place in places}
        while any([await consumer.position(place) < ends[place] for place in places]):
            for place, messages in (await consumer.getmany(timeout_ms=200)).items():
                found[place.partition] += [codec.decode(message.value) for message in messages]
        return [record for number in sorted(found) for record in found[number]]
    finally:
        await consumer.stop()
