"""What could keep recording or answering from working, checked one thing at a time, each with what to do.

Every check is a function that yields findings; one that breaks is itself a finding, never the end of the others.
"""

import asyncio
import os
import platform
import shutil
import stat
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Final, Literal

from collector.cluster import ClusterError, Forbidden
from collector.errors import CollectorError
from collector.selection import choose
from kubelapse import __version__, settings_kafka
from kubelapse import settings as known
from kubelapse.access import Reached, reach
from kubelapse.checkpoint import Checkpoint, CheckpointDamaged
from kubelapse.keyfile import KEY_NAME, LEAST
from kubelapse.setting import SettingError
from kubelapse.settings import Settings
from schema.kafka import BrokerError, describe
from schema.lockfile import read_note
from schema.objects import Kind
from schema.store import StoreError
from schema.topics import differences

Level = Literal["ok", "warn", "fail"]

PARTS: Final = ("chdb-core", "clickhouse-connect", "kubernetes", "pyarrow", "fastapi")
AT_ONCE: Final = 8
TOLERATED_SKEW: Final = 2.0
"""Seconds; more makes estimated times of late events worse, and other people's clocks disagree with the answers."""
LITTLE_SPACE: Final = 2 * 2**30
NO_SPACE: Final = 64 * 2**20


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One line: what was checked, how it is, and what to do about it."""

    level: Level
    check: str
    text: str


def ok(check: str, text: str) -> Finding:
    """As it should be."""
    return Finding(level="ok", check=check, text=text)


def warn(check: str, text: str) -> Finding:
    """Works, but not as well as it could."""
    return Finding(level="warn", check=check, text=text)


def fail(check: str, text: str) -> Finding:
    """Does not work."""
    return Finding(level="fail", check=check, text=text)


async def examine(settings: Settings) -> AsyncIterator[Finding]:
    """All checks, the local ones first."""
    local = ((versions, "versions"), (disk, "disk"), (key_file, "key"), (checkpoints, "checkpoint"), (store, "store"))
    for check, name in local:
        for finding in await asyncio.to_thread(_guarded, check, name, settings):
            yield finding
    async for finding in kafka(settings):
        yield finding
    async for finding in cluster(settings):
        yield finding


def _guarded(check: Callable[[Settings], Iterator[Finding]], name: str, settings: Settings) -> list[Finding]:
    try:
        return list(check(settings))
    except (OSError, StoreError, SettingError) as error:
        return [fail(name, str(error))]


def versions(_settings: Settings) -> Iterator[Finding]:
    """This program and what it stands on."""
    parts = []
    for part in PARTS:
        try:
            parts.append(f"{part} {version(part)}")
        except PackageNotFoundError:
            yield fail("versions", f"{part} is not installed: install kubelapse again")
    yield ok("versions", f"kubelapse {__version__}, Python {platform.python_version()}, {', '.join(parts)}")


def disk(settings: Settings) -> Iterator[Finding]:
    """The data directory and the space around it."""
    data = settings.data
    place = next(folder for folder in (data, *data.parents) if folder.exists())
    free = shutil.disk_usage(place).free
    shown = f"{free / 2**30:.1f} GiB free at {data}"
    if free < NO_SPACE:
        yield fail("disk", f"{shown}: nothing can be recorded, free some or name another place with --data")
    elif free < LITTLE_SPACE:
        yield warn("disk", f"{shown}: that is little for a history")
    else:
        yield ok("disk", shown)
    if not os.access(place, os.W_OK | os.X_OK):
        yield fail("disk", f"{place} cannot be written to: check its owner, or name another place with --data")
    if data.exists() and stat.S_IMODE(data.stat().st_mode) & 0o077:
        yield warn("disk", f"others may read {data}: chmod 700 {data}")


def key_file(settings: Settings) -> Iterator[Finding]:
    """The redaction key: there, long enough, nobody else's."""
    named = settings[known.REDACTION_KEY_FILE]
    file = named or settings.data / KEY_NAME
    if not file.exists():
        if named:
            yield fail("key", f"{file} of {known.REDACTION_KEY_FILE.env} does not exist")
        else:
            yield ok("key", "none yet: the first start makes one in the data directory")
        return
    if len(file.read_bytes().strip()) < LEAST:
        yield fail("key", f"{file} holds fewer than {LEAST} bytes: write a longer random key")
    elif stat.S_IMODE(file.stat().st_mode) & 0o077:
        yield warn("key", f"others may read {file}: chmod 600 {file}")
    else:
        yield ok("key", str(file))


def checkpoints(settings: Settings) -> Iterator[Finding]:
    """The places from which recording goes on after a restart; silent where there are none yet."""
    for file in sorted(settings.data.glob("checkpoint-*.json")):
        name = file.stem.removeprefix("checkpoint-")
        try:
            saved = Checkpoint(settings.data, name).load()
        except CheckpointDamaged as error:
            yield warn(
                "checkpoint", f"{error}; the next start compares fresh lists with the store, and coverage shows a gap"
            )
        else:
            yield ok("checkpoint", f"{name}: {len(saved.positions) if saved else 0} watches go on where they ended")


def store(settings: Settings) -> Iterator[Finding]:
    """The store opens, or a running process serves it."""
    from kubelapse.stores import open_existing

    url = settings.store
    directory = Path(url.removeprefix("chdb:"))
    if url.startswith("chdb:"):
        if not (directory / "engine").exists():
            yield ok("store", f"none yet in {settings.data}: kubelapse up makes one")
            return
        if note := read_note(directory / "lock"):
            yield ok("store", f"in use by process {note.get('pid', '?')}, served at {note.get('url', 'no URL yet')}")
            return
    opened = open_existing(settings)
    try:
        rows = opened.rows("SELECT count() FROM events")
        letters = opened.rows("SELECT count() FROM dead_letters")
    finally:
        opened.close()
    yield ok("store", f"{rows[0][0]:,} events in {url}")
    if letters[0][0]:
        yield warn("store", f"{letters[0][0]} records could not be stored: see the table dead_letters")


async def kafka(settings: Settings) -> AsyncIterator[Finding]:
    """The brokers and their topics, where Kafka is used: reached, let in, and set up as `kubelapse migrate` does it."""
    if not settings[settings_kafka.KAFKA]:
        return
    try:
        broker = settings_kafka.broker(settings)
        wanted = settings_kafka.wanted_topics(settings)
        found = await describe(broker, [spec.name for spec in wanted])
    except (BrokerError, SettingError) as error:
        yield fail("kafka", str(error))
        return
    yield ok("kafka", f"{broker} answers")
    for spec in wanted:
        differing = differences(spec, found.get(spec.name))
        for one in differing:
            yield fail("topics", one.sentence) if one.fatal else warn("topics", one.sentence)
        if not differing:
            yield ok("topics", f"{spec.name} is set up as it should be ({found[spec.name].partitions} partitions)")


async def cluster(settings: Settings) -> AsyncIterator[Finding]:
    """The API server: reached, permitted, and on time."""
    try:
        reached = await reach(settings)
    except (CollectorError, SettingError) as error:
        yield fail("cluster", str(error))
        return
    try:
        async for finding in _examine_cluster(settings, reached):
            yield finding
    except ClusterError as error:
        yield fail("cluster", str(error))
    finally:
        await reached.api.close()


async def _examine_cluster(settings: Settings, reached: Reached) -> AsyncIterator[Finding]:
    kinds = (await reached.api.discover()).kinds
    yield ok(
        "cluster", f"{reached.credentials.server} serves {len(kinds)} kinds (context {reached.credentials.context})"
    )
    yield await _identity(settings, reached)
    yield skew(reached.skew.interval)
    choice = choose(kinds, only=settings[known.KINDS], include=settings[known.INCLUDE], exclude=settings[known.EXCLUDE])
    for pattern in choice.unmatched:
        yield warn("kinds", f"the pattern {pattern!r} fits no kind of this cluster")
    wanted = [kind for kind in kinds if choice.kinds[kind.id].watching == "yes"]
    if not wanted:
        yield fail("kinds", "--kinds and --exclude leave nothing of this cluster to watch")
        return
    async for finding in permissions(reached, wanted, settings[known.NAMESPACES]):
        yield finding


async def _identity(settings: Settings, reached: Reached) -> Finding:
    try:
        uid = settings[known.CLUSTER_UID] or await reached.api.uid()
    except Forbidden:
        return fail(
            "identity",
            "no right to get the namespace kube-system, whose uid tells clusters apart: grant it, or set "
            f"{known.CLUSTER_UID.env} to a text of your own that stays the same",
        )
    return ok("identity", f"uid {uid}, recorded as {settings[known.CLUSTER] or reached.name}")


def skew(interval: tuple[float, float] | None) -> Finding:
    """How far the server's clock stands from ours; its Date header has whole seconds."""
    if interval is None:
        return warn("clock", "the API server tells no time: estimated times cannot be checked against it")
    low, high = interval
    if low > TOLERATED_SKEW or high < -TOLERATED_SKEW:
        ahead = "ahead of" if low > 0 else "behind"
        off = min(abs(low), abs(high))
        return warn("clock", f"the API server's clock is at least {off:.1f} s {ahead} this one: synchronise both (NTP)")
    return ok("clock", f"within {max(abs(low), abs(high)):.1f} s of the API server's")


async def permissions(reached: Reached, kinds: list[Kind], namespaces: tuple[str, ...]) -> AsyncIterator[Finding]:
    """A list of one object per kind (and namespace): the right itself, not what a review says of it."""
    turns = asyncio.Semaphore(AT_ONCE)

    async def refused(kind: Kind, namespace: str) -> str:
        async with turns:
            try:
                await reached.api.page(kind, namespace, limit=1)
            except Forbidden:
                return f"{kind.id} in {namespace}" if namespace else kind.id
            except ClusterError as error:
                return f"{kind.id} ({error})"
            return ""

    places = [(kind, place) for kind in kinds for place in (namespaces if kind.namespaced and namespaces else ("",))]
    denied = sorted(filter(None, await asyncio.gather(*(refused(kind, place) for kind, place in places))))
    if places and len(denied) == len(places):
        yield fail(
            "permissions",
            "nothing may be listed: bind the ClusterRole `view` or one that can list and watch, or name the namespaces "
            "that you have rights in with --namespace",
        )
    elif denied:
        shown = ", ".join(denied[:10]) + (f" and {len(denied) - 10} more" if len(denied) > 10 else "")
        yield warn("permissions", f"no list of {shown}: coverage will show them as forbidden")
    else:
        yield ok("permissions", f"{len(kinds)} kinds may be listed")
