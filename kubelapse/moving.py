"""`copy`: both stores opened, the history copied, and what capture needs to go on carried along.

Beside the store of the embedded way lie the checkpoint of each cluster and the redaction key. The checkpoint files go
into the directory of an embedded target. Where Kafka is named, they and the memory that belongs to them become the
state that collectors restore, before any history is copied: capture may go on at once, and loses nothing if that is
within the API server's watch window. Ingesters follow when the history is there. The key is never copied: whoever runs
the collectors is told where it lies.
"""

import asyncio
import shutil
import uuid
from collections.abc import Callable
from functools import partial
from pathlib import Path

from collector.clock import utc_now
from collector.errors import CollectorError
from collector.kafka_handover import Handover
from collector.kafka_slot import Place
from collector.sink import SinkError
from collector.slots import Slot
from kubelapse.checkpoint import Checkpoint
from kubelapse.copying import copy
from kubelapse.keyfile import KEY_NAME
from kubelapse.restore import Restorer
from kubelapse.settings import STORE, Settings
from kubelapse.settings_kafka import KAFKA, broker, topics
from kubelapse.stores import data_dir, open_existing, open_store
from schema.kafka import BrokerError
from schema.store import Store, StoreError

Say = Callable[[str], None]


class MoveError(Exception):
    """Capture cannot be handed over; one sentence that says what to do."""


def move(settings: Settings, source: str, target: str, *, say: Say) -> None:
    """Copy `source` into `target` (both as `--store` takes them). Raises StoreError, SettingError, MoveError."""
    places = [_at(settings, store) for store in (source, target)]
    if places[0].store == places[1].store:
        raise StoreError("The two stores are the same: name another with --to.")
    if all(each.store.startswith("chdb:") for each in places):
        raise StoreError("A process has one embedded store at a time: copy by way of a server, or copy the directory.")
    opened: list[Store] = []
    try:
        opened.append(open_existing(places[0]))
        _announce_key(places[0], say)
        if settings[KAFKA] and places[0].store.startswith("chdb:"):
            asyncio.run(_hand_over(places[0], opened[0], say))
        if places[1].store.startswith("chdb:"):
            data_dir(places[1])
        opened.append(open_store(places[1]))
        done = copy(*opened, say=say)
        say(f"copied and compared: {done.rows:,} rows in {done.units} parts, {done.sent:,} of them sent")
        _carry(places[0], places[1], say)
    finally:
        for store in reversed(opened):
            store.close()


def _at(settings: Settings, store: str) -> Settings:
    """The settings with this store, and the data directory that belongs to it."""
    given = Settings({**settings.flags, STORE.name: store}, settings.environ, settings.file, settings.file_name)
    if not given.store.startswith("chdb:"):
        return given
    data = str(Path(given.store.removeprefix("chdb:")).parent)
    return Settings({**given.flags, "data": data}, settings.environ, settings.file, settings.file_name)


def _carry(source: Settings, target: Settings, say: Say) -> None:
    """The checkpoints, from directory to directory."""
    if not source.store.startswith("chdb:"):
        return
    if target.store.startswith("chdb:"):
        for file in sorted(source.data.glob("checkpoint-*.json")):
            shutil.copy2(file, target.data / file.name)
            say(f"checkpoint {target.data / file.name}: kubelapse up --data {target.data} goes on from there")


def _announce_key(source: Settings, say: Say) -> None:
    key = source.data / KEY_NAME
    if source.store.startswith("chdb:") and key.exists():
        say(f"give collectors the same redaction key: KUBELAPSE_REDACTION_KEY_FILE={key}")


async def _hand_over(source: Settings, store: Store, say: Say) -> None:
    """Every cluster with a checkpoint beside this store goes to Kafka."""
    names = [file.stem.removeprefix("checkpoint-") for file in sorted(source.data.glob("checkpoint-*.json"))]
    if not names:
        say(f"there is no checkpoint in {source.data}: collectors compare fresh lists, and coverage shows a gap")
    for name in names:
        try:
            await _hand_over_one(source, store, name, say)
        except (BrokerError, SinkError, CollectorError) as error:
            raise MoveError(str(error)) from error


async def _hand_over_one(source: Settings, store: Store, name: str, say: Say) -> None:
    restorer = Restorer(store, Checkpoint(source.data, name))
    try:
        known = await restorer.restore(name)
        if known.lost or not known.positions:
            say(f"cluster  {name}: {known.lost or 'the checkpoint holds no resume points'}; nothing is handed over")
            return
        place = Place(
            broker=broker(source),
            topics=topics(source),
            cluster=name,
            cluster_uid=known.cluster_uid,
            slot=Slot(),
            instance=f"copy-{uuid.uuid4().hex[:8]}",
        )
        lives = await Handover(place, clock=utc_now).run(known.positions, partial(restorer.remembered, name))
        say(f"cluster  {name}: {lives:,} objects handed over; its collector may start now, ingesters after the copy")
    finally:
        restorer.close()
