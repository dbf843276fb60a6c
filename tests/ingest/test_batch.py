"""A batch is flushed by age while little happens and by size while much does."""

from ingest.batch import Batch, BatchPolicy
from ingest.source import Delivery
from tests.fakes.records import event


def deliveries(count: int, *, size: int = 100, partition: int = 0) -> list[Delivery]:
    return [Delivery(partition, offset, event(offset), size) for offset in range(count)]


def test_a_single_change_is_flushed_when_it_is_old_enough() -> None:
    batch = Batch(BatchPolicy(age=1.5))
    batch.add(deliveries(1), now=10.0)
    assert (batch.due(11.4), batch.due(11.5)) == (False, True)


def test_while_nobody_asks_a_change_may_wait_longer_but_is_flushed_too() -> None:
    batch = Batch(BatchPolicy(age=1.5, calm=5.0))
    batch.add(deliveries(1), now=10.0)
    assert (batch.due(11.5, calm=True), batch.due(15.0, calm=True)) == (False, True)


def test_age_counts_from_the_first_record_not_from_the_last() -> None:
    batch = Batch(BatchPolicy(age=1.5))
    batch.add(deliveries(1), now=10.0)
    batch.add(deliveries(1), now=11.4)
    assert batch.remaining(11.0) == 0.5


def test_an_empty_batch_is_never_due() -> None:
    batch = Batch(BatchPolicy(age=1.5))
    batch.add([], now=0.0)
    assert not batch.due(100.0)
    assert batch.remaining(100.0) == 1.5


def test_many_records_are_flushed_at_once() -> None:
    batch = Batch(BatchPolicy(records=3))
    batch.add(deliveries(2), now=0.0)
    assert (batch.room, batch.due(0.0)) == (1, False)
    batch.add(deliveries(1), now=0.0)
    assert (batch.room, batch.due(0.0)) == (0, True)


def test_few_but_large_records_are_flushed_at_once() -> None:
    batch = Batch(BatchPolicy(bytes=1_000))
    batch.add(deliveries(2, size=600), now=0.0)
    assert batch.due(0.0)
