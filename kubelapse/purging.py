"""`purge` as a whole: look into store and topics, take the value out, prove it by bytes and by what readers are given.

The order: first whatever speaks against it, before anything is changed; then what collectors remember, so that they can
be started again while the store is written anew; then the store; then the log. An end in the middle leaves each of them
whole, and the next run goes on.
"""

import asyncio
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from collector.redact import Redactor
from collector.sink import SinkError
from kubelapse import purge_topics, settings_kafka, stores
from kubelapse import settings as known
from kubelapse.keyfile import KEY_NAME, load_key
from kubelapse.purge import Purged, PurgeError, look, purge
from kubelapse.purge_proof import search
from kubelapse.purge_rules import Ruled, ruled
from kubelapse.purge_topics import Cuts, Looked
from kubelapse.purge_value import Leak
from kubelapse.setting import SettingError
from kubelapse.settings import Settings
from kubelapse.settings_redaction import rules
from query.userdata import About, add_note
from schema.kafka import Broker
from schema.store import Store

Say = Callable[[str], None]
NOWHERE = About(cluster="", namespace="", resource="", name="")


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """`wait`: seconds for the brokers' compaction. `skipped`: consumer groups that may lose what they have not read.

    `group`: that of this store's ingesters.
    """

    yes: bool
    group: str
    wait: float = 120.0
    skipped: Collection[str] = ()


@dataclass(slots=True, kw_only=True)
class Done:
    """`files`: those that still hold the value after a purge; none can be looked at on a server.

    `topics`: as they were before, None where no Kafka is set; `left`: after it. `refused`: why nothing was or would be
    changed. `cuts`: where the logs begin now; `whole`: their files go, too, by `disk`. `ruled`: may it come again.
    """

    found: Purged
    ruled: Ruled
    files: Sequence[Path] = ()
    topics: Looked | None = None
    left: Looked | None = None
    refused: Sequence[str] = ()
    cuts: Cuts = field(default_factory=dict)
    whole: bool = True
    disk: datetime | None = None
    unrepeatable: int = 0
    elsewhere: Sequence[str] = field(default_factory=list)


def run(settings: Settings, value: str, wanted: Wanted, *, now: datetime, say: Say) -> Done:
    """Count, or with `yes` take out and prove it. Raises StoreError, SettingError, BrokerError and PurgeValueError."""
    if settings[known.STORE_CLUSTER]:
        raise SettingError(f"unset {known.STORE_CLUSTER.env} and purge each server of the cluster by its own address")
    redactor = Redactor(_key(settings), rules(settings))
    leak = Leak(value, redactor.marker)
    broker = settings_kafka.broker(settings) if settings[settings_kafka.KAFKA] else None
    store = stores.open_existing(settings)
    try:
        done = Done(found=look(store, leak), ruled=ruled(store, leak, redactor))
        if broker is not None:
            asyncio.run(_look(settings, broker, store, leak, done, wanted, now))
        else:
            done.elsewhere = _unseen(store)
        if wanted.yes and not done.refused:
            _take_out(store, broker, leak, done, redactor.marker(value.encode()), wanted, now, say)
    finally:
        store.close()
    if wanted.yes and not done.refused:
        done.files = _still(settings, leak, say)
    return done


async def _look(
    settings: Settings, broker: Broker, store: Store, leak: Leak, done: Done, wanted: Wanted, now: datetime
) -> None:
    done.topics = looked = await purge_topics.look(broker, settings_kafka.topics(settings), leak)
    done.refused = await purge_topics.refusals(
        broker, looked, store, group=wanted.group, skipped=wanted.skipped, now=now
    )
    done.unrepeatable = purge_topics.unrepeatable(store, looked)


def _unseen(store: Store) -> list[str]:
    """Topics that this store was filled from, which nobody has looked into."""
    return [topic for (topic,) in store.rows("SELECT DISTINCT topic FROM offsets ORDER BY topic")]


def _take_out(
    store: Store, broker: Broker | None, leak: Leak, done: Done, marker: str, wanted: Wanted, now: datetime, say: Say
) -> None:
    looked = done.topics
    files: Cuts = {}
    if broker is not None and looked is not None:
        files = asyncio.run(purge_topics.end_files(broker, looked))
        if looked.remembering:
            _forget(broker, looked, leak, wanted, say)
    done.found = purge(store, leak, marker=marker, now=now, say=say)
    if broker is not None and looked is not None and looked.held:
        asyncio.run(_cut(broker, store, looked, files, done, wanted))
        done.left = asyncio.run(purge_topics.look(broker, looked.topics, leak))
        done.disk = asyncio.run(purge_topics.gone_from_disk(broker, looked, now))
        add_note(store, now, _record(done, looked), NOWHERE, now=now)


def _forget(broker: Broker, looked: Looked, leak: Leak, wanted: Wanted, say: Say) -> None:
    try:
        count = asyncio.run(purge_topics.forget(broker, looked, leak, within=wanted.wait))
    except SinkError as error:
        raise PurgeError(str(error)) from None
    say(f"{looked.topics.state}: {count:,} records written again; collectors may be started again")


async def _cut(broker: Broker, store: Store, looked: Looked, files: Cuts, done: Done, wanted: Wanted) -> None:
    done.cuts = await purge_topics.cuts(broker, looked, store, files, {wanted.group, *wanted.skipped})
    done.whole = done.cuts == {place: files.get(place) for place in done.cuts}
    await purge_topics.delete(broker, looked, store, done.cuts)


def _record(done: Done, looked: Looked) -> str:
    """What the note says; never the value."""
    gone = ", ".join(f"{topic}/{number} before offset {at}" for (topic, number), at in sorted(done.cuts.items()))
    again = sum(one.records for one in looked.of(looked.topics.state))
    parts = [f"deleted from Kafka: {gone}"] if gone else []
    parts += [f"{again:,} records of {looked.topics.state} written again"] if again else []
    return f"kubelapse purge: a leaked value was taken out of topics; {'; '.join(parts)}"


def _still(settings: Settings, leak: Leak, say: Say) -> list[Path]:
    if not settings.store.startswith("chdb:"):
        say("files of a server are not searched from here; its query_log and its backups may hold the value")
        return []
    folders = {settings.data, Path(settings.store.removeprefix("chdb:"))}
    searched = [search(folder, leak.needles) for folder in folders if folder.exists()]
    files, size = sum(one.files for one in searched), sum(one.bytes for one in searched)
    say(f"searched {size / 2**20:,.1f} MiB of {files:,} files, unpacked")
    return sorted({file for one in searched for file in one.found})


def _key(settings: Settings) -> bytes:
    named = settings[known.REDACTION_KEY_FILE]
    if named is None and not (settings.data / KEY_NAME).exists():
        raise PurgeError(
            f"there is no redaction key in {settings.data}: name the collectors' with {known.REDACTION_KEY_FILE.env}"
        )
    return load_key(named, settings.data)
