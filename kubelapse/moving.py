"""`copy`: both stores opened, the history copied, and what capture needs to go on carried along.

Beside the store of the embedded way lie the checkpoint of each cluster and the redaction key. The checkpoint files go
into the directory of an embedded target. The key is never copied: whoever runs the collectors is told where it lies.
"""

import shutil
from collections.abc import Callable
from pathlib import Path

from kubelapse.copying import copy
from kubelapse.keyfile import KEY_NAME
from kubelapse.settings import STORE, Settings
from kubelapse.stores import data_dir, open_existing, open_store
from schema.store import Store, StoreError

Say = Callable[[str], None]


def move(settings: Settings, source: str, target: str, *, say: Say) -> None:
    """Copy `source` into `target` (both as `--store` takes them). Raises StoreError and SettingError."""
    places = [_at(settings, store) for store in (source, target)]
    if places[0].store == places[1].store:
        raise StoreError("The two stores are the same: name another with --to.")
    if all(each.store.startswith("chdb:") for each in places):
        raise StoreError("A process has one embedded store at a time: copy by way of a server, or copy the directory.")
    opened: list[Store] = []
    try:
        opened.append(open_existing(places[0]))
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
    key = source.data / KEY_NAME
    if key.exists():
        say(f"give collectors the same redaction key: KUBELAPSE_REDACTION_KEY_FILE={key}")
