"""`ingest --replay-dead-letters`: what could not be stored is tried once more, and the rest is told by reason."""

import asyncio
from collections.abc import Callable

from ingest.kafka_client import Messages
from ingest.replay import Replayed
from ingest.replay import replay as replay_into
from kubelapse import settings_kafka
from kubelapse.exits import StageError
from kubelapse.ingesting import EXPECTED, checked
from kubelapse.settings import Settings
from kubelapse.stores import open_existing

Say = Callable[[str], None]


async def replay(settings: Settings, *, say: Say) -> None:
    """Every dead letter of the log once. Raises StageError."""
    try:
        done = await _replay(settings)
    except EXPECTED as error:
        raise StageError(error) from error
    say(f"{done.stored} dead letters are stored now, {done.left.total()} stay")
    for reason, count in done.left.most_common():
        say(f"{count:>8}  {reason}")


async def _replay(settings: Settings) -> Replayed:
    broker = settings_kafka.broker(settings)
    store = await asyncio.to_thread(open_existing, settings)
    try:
        topic = await checked(broker, settings_kafka.topics(settings))
        async with Messages(broker, topic.name) as messages:
            return await replay_into(store, messages, topic.id)
    finally:
        await asyncio.to_thread(store.close)
