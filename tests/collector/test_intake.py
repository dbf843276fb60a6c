"""What is read of a watch faster than it can be processed waits in little room, and comes out as it was read."""

from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime
from itertools import chain

from collector.heartbeat import Heartbeat, Stamps
from collector.intake import Chunk, Intake
from collector.stream import Lines, gather

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
MIB = 2**20


async def reading(chunks: Sequence[bytes], *, doubted: int = -1) -> Intake:
    """An intake that has read all of these; from the one with the number `doubted` on they may be late."""

    async def stream() -> AsyncIterator[bytes]:
        for number, chunk in enumerate(chunks):
            if number == doubted:
                intake.doubt(NOON)
            yield chunk

    heart = Heartbeat(clock=lambda: NOON, ruler=lambda: 0.0)
    intake = Intake(stream(), stamps=Stamps(lambda: NOON), heartbeat=heart, late_from=None, bound=99 * MIB, pause=1.0)
    await intake.run()
    return intake


async def taken(intake: Intake) -> list[Chunk]:
    """All that waits, take by take."""
    found: list[Chunk] = []
    while intake.pending:
        found += await intake.take(0.0)
    return found


async def test_a_long_backlog_waits_in_little_room_and_comes_out_as_it_was_read() -> None:
    lines = [
        b'{"type":"MODIFIED","object":{"n":"%d","text":"%s"}}\n' % (n, b"much the same " * 700) for n in range(4000)
    ]
    intake = await reading(lines)
    assert intake.bytes == sum(map(len, lines)) > 36 * MIB
    assert intake.queued < 6 * MIB
    found = await taken(intake)
    assert [chunk.data for chunk in found] == lines
    assert [chunk.at for chunk in found] == sorted({chunk.at for chunk in found})
    assert intake.queued == 0


async def test_what_was_read_in_doubt_is_still_in_doubt_after_it_has_waited() -> None:
    intake = await reading([b"x" * MIB] * 7, doubted=3)
    assert [chunk.late_from for chunk in await taken(intake)] == [None] * 3 + [NOON] * 4


def test_slices_end_after_so_many_lines_or_bytes_and_lose_nothing() -> None:
    batches = [Lines([b"a" * size for size in sizes], NOON, None) for sizes in ([1, 1, 1], [50, 1], [], [1, 1])]
    groups = list(gather(batches, 3, 40))
    assert [[len(line) for lines in group for line in lines.lines] for group in groups] == [[1, 1, 1], [50], [1, 1, 1]]
    assert list(chain.from_iterable(one.lines for group in groups for one in group)) == [
        line for batch in batches for line in batch.lines
    ]
