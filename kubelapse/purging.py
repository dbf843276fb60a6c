"""`purge` as a whole: open the store, look or take out, prove it by the bytes of the data directory."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from collector.redact import Redactor
from kubelapse import settings as known
from kubelapse import stores
from kubelapse.keyfile import KEY_NAME, load_key
from kubelapse.purge import Purged, PurgeError, look, purge
from kubelapse.purge_proof import search
from kubelapse.purge_value import Leak
from kubelapse.setting import SettingError
from kubelapse.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """`files`: those that still hold the value after a purge; none can be looked at on a server."""

    found: Purged
    files: Sequence[Path] = ()


def run(settings: Settings, value: str, *, yes: bool, now: datetime, say: Callable[[str], None]) -> Done:
    """Count, or with `yes` take out and search every file. Raises StoreError, SettingError and PurgeValueError."""
    if settings[known.STORE_CLUSTER]:
        raise SettingError(f"unset {known.STORE_CLUSTER.env} and purge each server of the cluster by its own address")
    redactor = Redactor(_key(settings))
    leak = Leak(value, redactor.marker)
    store = stores.open_existing(settings)
    try:
        if not yes:
            return Done(found=look(store, leak))
        found = purge(store, leak, marker=redactor.marker(value.encode()), now=now, say=say)
    finally:
        store.close()
    return Done(found=found, files=_still(settings, leak, say))


def _still(settings: Settings, leak: Leak, say: Callable[[str], None]) -> list[Path]:
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
