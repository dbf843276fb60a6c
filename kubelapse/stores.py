"""Which store the settings mean, and its opening: embedded in the data directory, or a ClickHouse server."""

import os
from pathlib import Path
from typing import TYPE_CHECKING

from kubelapse.setting import Setting, SettingError
from kubelapse.settings import STORE_CLUSTER, STORE_PASSWORD_FILE, Settings
from kubelapse.settings_sql import SQL_STORE, SQL_STORE_PASSWORD_FILE
from schema.store import StoreError, StoreFull, StoreReadOnly

if TYPE_CHECKING:
    from schema.sandbox import Sandbox
    from schema.store import Store

# Below this the engine cannot even start its logs; better a sentence now than a broken file later.
LEAST_FREE = 64 * 2**20


class NoStore(StoreError):
    """There is no store in the directory that was named."""


def data_dir(settings: Settings) -> Path:
    """The data directory, made for its owner only; raises StoreReadOnly and StoreFull with what to do."""
    data = settings.data
    try:
        data.mkdir(mode=0o700, parents=True, exist_ok=True)
        probe = data / f".probe-{os.getpid()}"
        probe.write_bytes(b"probe")
        probe.unlink()
        free = os.statvfs(data)
    except OSError as error:
        raise _unusable(data, error) from None
    if free.f_bavail * free.f_frsize < LEAST_FREE:
        raise StoreFull(
            f"less than {LEAST_FREE // 2**20} MiB are free in {data}: free some, or name another with --data"
        )
    return data


def _unusable(data: Path, error: OSError) -> StoreError:
    import errno

    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return StoreFull(f"no space is left for {data}: free some, or name another directory with --data")
    return StoreReadOnly(f"cannot write to the data directory {data} ({error.strerror}): name another with --data")


def open_store(settings: Settings) -> "Store":
    """The store, made or brought up to date where needed. Raises StoreError."""
    store = _open(settings)
    try:
        migrate(settings, store)
    except BaseException:
        store.close()
        raise
    return store


def migrate(settings: Settings, store: "Store") -> list[int]:
    """Bring the schema of this store up to date, on every node of its cluster where one is set; the numbers applied.

    Raises StoreError, UnknownCluster before anything is touched.
    """
    from schema import migrate as single
    from schema.clickhouse import ClickHouseStore
    from schema.sharding import Sharded
    from schema.sharding import migrate as on_every_node

    cluster = settings[STORE_CLUSTER]
    if not cluster:
        return single.migrate(store)
    if not isinstance(store, ClickHouseStore):
        raise SettingError(f"{STORE_CLUSTER.env} needs a ClickHouse server: an embedded store stands alone")
    return on_every_node(store, store.beside, Sharded(cluster=cluster, database=store.database))


def make_roles(settings: Settings, store: "Store") -> None:
    """Roles and profiles for users of a ClickHouse server. Raises StoreError, SettingError for an embedded store."""
    if settings.store.startswith("chdb:"):
        raise SettingError("--roles needs a ClickHouse server: an embedded store has no users")
    for statement in _roles(settings, store.database):
        store.command(statement)


def _roles(settings: Settings, database: str) -> list[str]:
    from schema.roles import roles
    from schema.sharding import Sharded

    if not (cluster := settings[STORE_CLUSTER]):
        return roles(database)
    sharded = Sharded(cluster=cluster, database=database)
    return roles(database, sharded.local, on_cluster=sharded.topology.on_cluster)


def all_sql(settings: Settings) -> str:
    """Every statement for an empty store on one server or on the cluster that is set, roles included."""
    from schema.clickhouse import Address
    from schema.migrate import SINGLE, ledger_sql, migrations, statements
    from schema.sharding import Sharded, plan

    embedded = settings.store.startswith("chdb:")
    database = "kubelapse" if embedded else Address.parse(settings.store).database
    if cluster := settings[STORE_CLUSTER]:
        found = list(plan(Sharded(cluster=cluster, database=database)))
    else:
        files = (ledger_sql(), *(file.sql for file in migrations()))
        found = [SINGLE.fill(one) for part in files for one in statements(part)]
    return "\n\n".join(f"{statement};" for statement in (*found, *(() if embedded else _roles(settings, database))))


def open_existing(settings: Settings) -> "Store":
    """A store that is already there, for reading; raises NoStore and StoreOutdated."""
    from schema.migrate import check

    url = settings.store
    if url.startswith("chdb:") and not (Path(url.removeprefix("chdb:")) / "engine").exists():
        raise NoStore(
            f"there is no store in {settings.data}: record one with kubelapse up, or name another with --data"
        )
    store = _open(settings)
    try:
        check(store)
    except BaseException:
        store.close()
        raise
    return store


def _open(settings: Settings) -> "Store":
    url = settings.store
    if url.startswith("chdb:"):
        from schema.chdb import ChdbStore

        return ChdbStore.open(Path(url.removeprefix("chdb:")))
    from schema.clickhouse import ClickHouseStore

    return ClickHouseStore.open(url, _password(settings))


def sql_door(settings: Settings) -> "Sandbox":
    """The door of ad-hoc SQL on a ClickHouse server, as the user that may do nothing else. Raises StoreError."""
    from schema.clickhouse import ClickHouseStore

    return ClickHouseStore.open(settings[SQL_STORE], _password(settings, SQL_STORE_PASSWORD_FILE)).locked_down()


def _password(settings: Settings, setting: Setting[Path | None] = STORE_PASSWORD_FILE) -> str | None:
    file = settings[setting]
    if file is None:
        return None
    try:
        return file.read_text().strip()
    except OSError as error:
        raise SettingError(f"{setting.env}: cannot read {file}: {error.strerror}") from None


def leave_url(store: "Store", url: str) -> None:
    """Tell reading commands where this store is served, beside its lock."""
    from schema.chdb import ChdbStore

    if isinstance(store, ChdbStore):
        store.annotate({"url": url})
