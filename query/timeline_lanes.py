"""Lives with their lanes, as the timeline draws them, and what was counted and said of each.

Everything that there is one of per change or per bin stays in Arrow; Python walks over lives and lanes alone.
"""

from dataclasses import dataclass, field
from itertools import accumulate

import pyarrow as pa
import pyarrow.compute as pc

from query.timeline_columns import filled, ints, looked_up, places

GONE = -1
Columns = dict[str, list[int]]


@dataclass(slots=True)
class Words:
    """The dictionary."""

    places: dict[str, int] = field(default_factory=lambda: {"": 0})

    def __call__(self, word: str) -> int:
        """Its place."""
        return self.places.setdefault(word, len(self.places))

    def column(self, texts: pa.Array) -> list[int]:
        """The places of a column, each distinct text looked up once."""
        encoded = pc.dictionary_encode(texts.combine_chunks() if isinstance(texts, pa.ChunkedArray) else texts)
        own = [self(text) for text in encoded.dictionary.to_pylist()]
        return [own[n] for n in ints(encoded.indices)]


@dataclass(slots=True)
class Sayings:
    """What states are made of: 0 says nothing, every other number is a state with its note."""

    words: Words
    notes: dict[int, str]
    state: list[int] = field(default_factory=lambda: [GONE])
    note: list[int] = field(default_factory=lambda: [0])
    _known: dict[int, int] = field(default_factory=lambda: {0: 0})

    def __call__(self, word: int) -> int:
        """The number of a word of the store (`timeline_sql`)."""
        if (place := self._known.get(word)) is None:
            self._known[word] = place = len(self.state)
            self.state.append(word >> 56)
            self.note.append(self.words(self.notes.get(word & (2**56 - 1), "")))
        return place

    def column(self, words: pa.Array) -> list[int]:
        """The numbers of a column of words."""
        encoded = pc.dictionary_encode(words.combine_chunks() if isinstance(words, pa.ChunkedArray) else words)
        own = [self(word) for word in ints(encoded.dictionary)]
        return [own[n] for n in ints(encoded.indices)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sums:
    """Per life: shown changes, ms of the newest, the word before the window, the worst and the last in it (0: none)."""

    count: list[int]
    last: list[int]
    before: list[int]
    worst: list[int]
    final: list[int]

    @classmethod
    def of(cls, lives: pa.Table, cells: pa.Table, before: pa.Table) -> "Sums":
        """`cells`: rows of life, n, newest, worst, final, in order of time."""
        said = cells.set_column(cells.column_names.index("final"), "final", _unless_zero(cells["final"]))
        wanted = [("n", "sum"), ("newest", "max"), ("worst", "max"), ("final", "last")]
        found = said.group_by("life", use_threads=False).aggregate(wanted)
        own = [looked_up(lives["life"], found["life"], found[f"{name}_{how}"]) for name, how in wanted]
        count, last, worst, final = (filled(each, empty) for each, empty in zip(own, (0, -1, 0, 0), strict=True))
        return cls(
            count=count, last=last, worst=worst, final=final,
            before=filled(looked_up(lives["life"], before["life"], before["word"]), 0),
        )  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Lanes:
    """Lives by lane and time; lives of one name share a lane. `owner`: of each lane, -1 = none."""

    lives: pa.Table
    lane: list[int]
    first: list[int]
    newest: list[int]
    owner: list[int]

    @classmethod
    def of(cls, lives: pa.Table, owners: pa.Table) -> "Lanes":
        """From the rows of `timeline_sql.lives` and `owners`."""
        lane = _lanes(lives)
        count = lane[-1] + 1 if lane else 0
        newest = [0] * count
        for n, each in enumerate(lane):
            newest[each] = n
        first = [0] * count
        for n in range(len(lane) - 1, -1, -1):
            first[lane[n]] = n
        own = filled(places(looked_up(lives["life"], owners["life"], owners["owner"]), lives["life"]), -1)
        owner = [lane[own[n]] if own[n] >= 0 else -1 for n in newest]
        return cls(lives=lives, lane=lane, first=first, newest=newest, owner=owner)

    def changed_with_owners(self, count: list[int]) -> set[int]:
        """Lanes of lives that changed, and all that own them. `count`: per life."""
        keep = {lane for lane, changes in zip(self.lane, count, strict=True) if changes}
        for lane in list(keep):
            owner = self.owner[lane]
            while owner >= 0 and owner not in keep:
                keep.add(owner)
                owner = self.owner[owner]
        return keep

    def only(self, keep: set[int], owners: pa.Table) -> "Lanes":
        """Those lanes alone."""
        return Lanes.of(self.lives.filter(pa.array([lane in keep for lane in self.lane], pa.bool_())), owners)

    def columns(self, sums: Sums, sayings: Sayings, words: Words) -> Columns:
        """The part `lanes` of the answer."""
        named = self.lives.take(pa.array(self.first, pa.int64()))
        count, last, worst = [0] * len(self.first), [-1] * len(self.first), [0] * len(self.first)
        for n, lane in enumerate(self.lane):
            count[lane] += sums.count[n]
            last[lane] = max(last[lane], sums.last[n])
            worst[lane] = max(worst[lane], sums.before[n] >> 56, sums.worst[n] >> 56)
        ended = pc.is_valid(self.lives["ended"]).to_pylist()
        final = [0 if ended[n] else sayings(sums.final[n] or sums.before[n]) for n in self.newest]
        there = [GONE if ended[n] else max(0, sayings.state[said]) for n, said in zip(self.newest, final, strict=True)]
        texts = {name: words.column(named[name]) for name in ("cluster", "namespace", "kind", "resource", "name")}
        return {
            **texts, "owner": self.owner, "changes": count, "worst": worst, "state": there,
            "note": [sayings.note[said] for said in final], "last": last,
        }  # fmt: skip


def _unless_zero(column: pa.Array) -> pa.Array:
    return pc.if_else(pc.equal(column, pa.scalar(0, column.type)), pa.scalar(None, column.type), column)


def _lanes(lives: pa.Table) -> list[int]:
    """The lane of each life: a new one wherever cluster, namespace, kind or name differs from the row before."""
    count = lives.num_rows
    if not count:
        return []
    other = pa.array([False] * (count - 1), pa.bool_())
    for name in ("cluster", "namespace", "resource", "name"):
        column = lives[name].combine_chunks()
        other = pc.or_(other, pc.not_equal(column.slice(1), column.slice(0, count - 1)))
    return list(accumulate(ints(pc.cast(other, pa.int8())), initial=0))
