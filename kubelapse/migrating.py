"""`migrate`: make or bring up to date what the stages stand on (tables, topics), and say how it differs from that.

Nothing that is there is changed: a topic with other settings belongs to somebody who chose them. What would lose
records is refused with a sentence, what is only less safe is told.
"""

import asyncio
from collections.abc import Callable

from kubelapse import settings_kafka
from kubelapse.exits import StageError
from kubelapse.setting import SettingError
from kubelapse.settings import Settings
from kubelapse.stores import make_roles, open_store
from schema import kafka
from schema.store import StoreError

Say = Callable[[str], None]


async def migrate(settings: Settings, *, say: Say, roles: bool = False) -> None:
    """Tables of the store (and roles, if asked), topics of Kafka where one is set. Raises StageError."""
    try:
        await asyncio.to_thread(_tables, settings, roles=roles)
        say(f"store    {settings.store} is up to date")
        if settings[settings_kafka.KAFKA]:
            await _topics(settings, say)
    except (StoreError, SettingError, kafka.BrokerError) as error:
        raise StageError(error) from error


def _tables(settings: Settings, *, roles: bool) -> None:
    store = open_store(settings)
    try:
        if roles:
            make_roles(settings, store)
    finally:
        store.close()


async def _topics(settings: Settings, say: Say) -> None:
    broker = settings_kafka.broker(settings)
    wanted = settings_kafka.wanted_topics(settings)
    made = await kafka.create(broker, wanted)
    notes = await kafka.check(broker, wanted)
    for spec in wanted:
        say(f"topic    {spec.name} {'made' if spec.name in made else 'is there'} ({spec.partitions} partitions)")
    for note in notes:
        say(f"note     {note.sentence}")
