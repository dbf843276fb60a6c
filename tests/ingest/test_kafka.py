"""What stands in Kafka comes to stand in the store exactly once, whoever reads it and however often."""

from collections.abc import Callable

from schema.events import Record
from schema.store import Store
from tests.fakes.records import at, event, kube_event, watermark
from tests.kafka.log import KafkaLog, reader, stored

TABLES = {
    "events": "cluster, resource, uid, epoch, seq, rv, op, ts, patch, hash, object",
    "changes": "cluster, resource, uid, epoch, rv, op, ts",
    "k8s_events": "cluster, namespace, uid, ts, count",
    "coverage": "cluster, resource, namespace, class, from_t, to_t, id",
}


def history(count: int, begin: int = 0) -> list[Record]:
    """Lives of several objects, with a watermark after every tenth change."""
    records: list[Record] = []
    for number in range(begin, begin + count):
        records.append(event(number, uid=f"u-{number % 7}", seq=number + 1))
        if number % 10 == 9:
            records += [kube_event(number), watermark(number)]
    return records


def contents(store: Store) -> dict[str, list[str]]:
    return {
        table: sorted(map(repr, store.rows(f"SELECT {columns} FROM {table} FINAL")))
        for table, columns in TABLES.items()
    }


def versions(store: Store, final: str = "") -> list[int]:
    return sorted(int(rv) for (rv,) in store.rows(f"SELECT rv FROM events {final}"))


async def test_every_record_is_stored_once_and_claimed(log: KafkaLog, store: Store) -> None:
    await log.make()
    await log.write(history(100))
    one = await reader(log, store)
    await stored(log, store, one)
    await one.stop()
    assert versions(store) == list(range(100))
    assert store.rows("SELECT max(to_t) FROM coverage FINAL WHERE class = 'watched'") == [(at(99),)]


async def test_a_restart_goes_on_behind_what_is_stored(log: KafkaLog, store: Store) -> None:
    await log.make()
    for begin in (0, 50, 100):
        await log.write(history(50, begin))
        one = await reader(log, store)
        await stored(log, store, one)
        await one.stop()
    assert versions(store) == list(range(150))


async def test_replayed_from_the_beginning_into_a_new_store_the_rows_are_the_same(
    log: KafkaLog, new_store: Callable[[], Store]
) -> None:
    await log.make()
    await log.write(history(120))
    stores = [new_store(), new_store()]
    for number, store in enumerate(stores):
        one = await reader(log, store, group=f"{log.topics.prefix}{number}")
        await stored(log, store, one)
        await one.stop()
    assert contents(stores[0]) == contents(stores[1])


async def test_replayed_into_the_same_store_nothing_changes(log: KafkaLog, store: Store) -> None:
    await log.make()
    await log.write(history(120))
    one = await reader(log, store)
    await stored(log, store, one)
    await one.stop()
    before = contents(store)
    store.command("TRUNCATE TABLE offsets")
    one = await reader(log, store)
    await stored(log, store, one)
    await one.stop()
    assert contents(store) == before
