"""What the timeline draws, as columns: `GET /api/v1/timeline`.

The answer is a set of arrays of equal length per part ("columnar"), because 100,000 changes as objects are 10 MB and as
columns a third of a megabyte compressed. Names stand once, in `strings`; a column called `…` below holds indexes into
it where it says *string*. All times are whole milliseconds after `origin` (RFC 3339, = `from`); the order of the arrays
keeps what milliseconds cannot tell. Parameters: those of `/changes` (`from to cluster namespace kind name selector path
by q class noise first_sight`) and

- `width`: pixels; how many bins a lane has above `most` changes (default 1200, at most 4000).
- `most`: from how many changes on bins are given instead of marks (default 50,000, at most 200,000; 0 = always bins).
- `parts`: which of `lanes,marks,bars,overview` (default all). A wide overview beside a narrow view is a second question
  with `parts=overview`.
- `lanes=all|changed`: every object that lived in the window (default), or only those that changed, and their owners.

```
{ "from", "to": RFC 3339, "origin": RFC 3339, "span": ms, "now": ms | null (null: `to` is an instant in the past),
  "coverage": {…}, "hidden": {"noise", "first_sight"},          as in every answer
  "total": n,                                                     changes that match and are shown
  "mode": "marks" | "bins",
  "strings": ["", "prod-eu-1", "shop", …],
  "classes": ["status","metadata","create","spec","rollout","delete","drift"],    index = class code; higher wins
  "states":  ["exists","ready","terminating","progressing","failing"],            index = state code; higher is worse
  "lanes": { "cluster": [string], "namespace": [string], "kind": [string], "resource": [string, `deployments.apps`],
             "name": [string], "owner": [lane index or -1: the controller; owners may come after what they own],
             "changes": [shown changes in the window], "worst": [worst state code in the window],
             "state": [state code at `to`, -1 = gone], "note": [string: `3/4`, `CrashLoopBackOff`, at `to`],
             "last": [ms of the last shown change, -1 = none] },
  "lanes_left_out": n,                                            above 100,000 lanes: those that did not change
  "lives": { "lane": [lane], "uid": [text], "epoch": [number], "from": [ms, or null = before we looked],
             "to": [ms, or null = still there at `to`] },          sorted by lane, then time; between lives: gone
  "bars":  { "life": [life], "t": [ms, 0 = so at the start or since the life began], "state": [code],
             "note": [string] },                 sorted by life, then time; holds until the next of the life, or its end
  "marks": { "t": [ms after the mark before: DELTA], "life": [life], "class": [code], "op": [0 add 1 update 2 delete],
             "actor": [string], "human": [indexes of marks made by a person's tool],
             "seq": [seq minus that of the life's mark before (first: seq itself)],
             "error": {"mark": [index], "ms": [± of ts: draw a whisker to t - ms]},
             "epoch": {"mark": [index], "epoch": [number]},        only marks of another epoch than their life's
             "noise": [indexes of marks that are noise; only with noise=off] } | null,
  "bins":  { "width": ms per bin, "lane": [lane], "bin": [n], "count": [n], "class": [highest code], "human": [0|1] }
             sorted by lane; lives of one lane may both have a cell in a bin | null,
  "overview": { "width": ms per column, "loud": [n], "quiet": [n] },   loud: spec, rollout, drift, delete, create
  "spans": [ {"class": "gap"|"late", "from": ms, "to": ms, "cluster", "resource" ("" = all), "namespace" ("" = all),
              "reason", "id"} ] }                                  where nobody was watching; the text is in `coverage`
```

In `bins` mode `bars` holds at most one per life and bin, the worst in it. `GET /api/v1/timeline/event?cluster&kind
&namespace&name&uid&epoch&seq` is the whole change behind a mark, as `/events/{id}` gives it. Drift marks are not in
here: they need a baseline (`/drift`).

States come from table `marks` (`schema/ddl`), which reads them from the object as it is inserted: conditions and status
of the well-known kinds, and generally what `metadata.deletionTimestamp`, `status.phase`, `status.conditions[type=Ready,
Available, Failed, Progressing]` and `observedGeneration` say. What has no health `exists`.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import msgspec

from query import timeline_sql as sql
from query.models import Coverage, Hidden
from query.timeline_columns import deltas, runs_of, sparse, steps_of
from query.timeline_sql import LifeRow, Question, Said
from schema.store import Store

CLASSES = ["status", "metadata", "create", "spec", "rollout", "delete", "drift"]
STATES = ["exists", "ready", "terminating", "progressing", "failing"]
PARTS = ("lanes", "marks", "bars", "overview")
MOST_MARKS = 200_000
MOST_LANES = 100_000
GONE = -1

_CELLS = 100_000
"""Bins of an answer, roughly: many lanes get wider ones."""
_FEWEST, _COLUMNS = 6, 240


class Spans(msgspec.Struct, kw_only=True, rename={"kind": "class", "from_": "from"}):
    """When nobody was watching, or what was read late. Milliseconds after the origin."""

    kind: str
    from_: int
    to: int
    cluster: str
    resource: str
    namespace: str
    reason: str
    id: str


class Overview(msgspec.Struct, kw_only=True):
    """Columns of the histogram; `width` in ms."""

    width: int
    loud: list[int]
    quiet: list[int]


class Bins(msgspec.Struct, kw_only=True, rename={"kind": "class"}):
    """Counted changes, by lane and bin; `width` in ms."""

    width: int
    lane: list[int]
    bin: list[int]
    count: list[int]
    kind: list[int]
    human: list[int]


Columns = dict[str, list[object]]


class TimelineView(msgspec.Struct, kw_only=True, rename={"from_": "from"}):
    """Answer of `/timeline`; see above."""

    from_: datetime
    to: datetime
    origin: datetime
    span: int
    now: int | None
    coverage: Coverage
    hidden: Hidden
    total: int
    mode: str
    strings: list[str]
    classes: list[str]
    states: list[str]
    lanes: Columns
    lanes_left_out: int
    lives: Columns
    bars: Columns | None
    marks: dict[str, object] | None
    bins: Bins | None
    overview: Overview | None
    spans: list[Spans]


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawing:
    """How much is wanted: parts, pixels, from how many changes on bins, and whether quiet lanes are part of it."""

    parts: tuple[str, ...] = PARTS
    width: int = 1200
    most: int = 50_000
    changed_only: bool = False


@dataclass(slots=True)
class _Words:
    """The dictionary."""

    places: dict[str, int] = field(default_factory=lambda: {"": 0})

    def __call__(self, word: str) -> int:
        return self.places.setdefault(word, len(self.places))


@dataclass(slots=True)
class _Table:
    """Lives with their lanes, as they are drawn, and what was counted of each lane."""

    lives: list[LifeRow]
    lane: list[int]
    place: dict[int, int]
    count: list[int]
    last: list[int]
    left_out: int = 0

    @classmethod
    def of(cls, lives: list[LifeRow]) -> "_Table":
        """Lives of one name share a lane."""
        lanes: dict[tuple[str, str, str, str], int] = {}
        lane = [lanes.setdefault(each.place, len(lanes)) for each in lives]
        place = {each.key: n for n, each in enumerate(lives)}
        return cls(lives, lane, place, [0] * len(lanes), [-1] * len(lanes))

    def touched(self, lane: int, changes: int, at: int) -> None:
        """So many changes, the newest of them then."""
        self.count[lane] += changes
        self.last[lane] = max(self.last[lane], at)


def view(store: Store, question: Question, drawing: Drawing, *, open_end: bool, coverage: Coverage) -> TimelineView:
    """The answer. `open_end`: the window ends now."""
    total, hidden = sql.counts(store, question)
    binned, words = total > drawing.most, _Words()
    answer = TimelineView(
        from_=question.after, to=question.until, origin=question.after, span=question.span,
        now=question.span if open_end else None, coverage=coverage, hidden=hidden, total=total,
        mode="bins" if binned else "marks", strings=[], classes=CLASSES, states=STATES,
        lanes={}, lanes_left_out=0, lives={}, bars=None, marks=None, bins=None, overview=None,
        spans=spans(coverage, question),
    )  # fmt: skip
    if "overview" in drawing.parts:
        width, loud, quiet = sql.overview(store, question, _COLUMNS)
        answer.overview = Overview(width=width, loud=loud, quiet=quiet)
    if set(drawing.parts) - {"overview"}:
        _draw(store, question, drawing, answer, words, binned)
    answer.strings = list(words.places)
    return answer


def spans(coverage: Coverage, question: Question) -> list[Spans]:
    """Gaps and late spans in milliseconds, cut to the window."""
    return [
        Spans(
            kind=kind, from_=max(0, _ms(each.from_, question)), to=min(question.span, _ms(each.to, question)),
            cluster=each.cluster, resource=each.resource, namespace=each.namespace, reason=each.reason, id=each.id,
        )
        for kind, found in (("gap", coverage.gaps), ("late", coverage.late))
        for each in found
    ]  # fmt: skip


def _ms(moment: datetime, question: Question) -> int:
    return int(moment.timestamp() * 1000) - question.origin


def _draw(
    store: Store, question: Question, drawing: Drawing, answer: TimelineView, words: _Words, binned: bool
) -> None:
    table = _Table.of(sql.lives(store, question))
    lanes = max(1, len(table.count))
    width = -(-question.span // min(drawing.width, max(_FEWEST, _CELLS // lanes))) if binned else 1
    rows = sql.bins(store, question, width) if binned else sql.marks(store, question)
    _count(table, rows, binned)
    said = sql.states(store, question, width)
    owners = sql.owners(store, question)
    if drawing.changed_only or lanes > MOST_LANES:
        table = _only_changed(table, owners, drawing.changed_only)
    answer.lanes_left_out = table.left_out
    bars, worst, final = _bars(table, said, question.span, words)
    answer.lanes = _lanes(table, owners, worst, final, words)
    answer.lives = _lives(table)
    answer.bars = bars if "bars" in drawing.parts else None
    if "marks" in drawing.parts and binned:
        answer.bins = _bins(table, rows, width)
    elif "marks" in drawing.parts:
        answer.marks = _marks(table, rows, words)


def _count(table: _Table, rows: Sequence[list[int]], binned: bool) -> None:
    if binned:
        for key, run in runs_of(rows[0]).items():
            if (life := table.place.get(key)) is not None:
                table.touched(table.lane[life], sum(rows[2][run]), max(rows[5][run]))
        return
    for key, at in zip(rows[0], rows[1], strict=True):
        if (life := table.place.get(key)) is not None:
            table.touched(table.lane[life], 1, at)


def _only_changed(table: _Table, owners: dict[int, str], all_quiet: bool) -> _Table:
    """Lanes that changed and those that own them; without `all_quiet` as many quiet ones as there is room for."""
    by_uid = {(each.cluster, each.uid): n for n, each in enumerate(table.lives)}
    keep = {lane for lane, count in enumerate(table.count) if count}
    for n, each in enumerate(table.lives):
        owner: int | None = n
        while table.lane[n] in keep and owner is not None:
            mine = table.lives[owner]
            owner = by_uid.get((each.cluster, owners.get(mine.key, "")))
            if owner is None or table.lane[owner] in keep:
                break
            keep.add(table.lane[owner])
    quiet = [lane for lane in range(len(table.count)) if lane not in keep]
    kept = sorted(keep | set([] if all_quiet else quiet[: max(0, MOST_LANES - len(keep))]))
    number = {lane: n for n, lane in enumerate(kept)}
    lives = [(each, number[lane]) for each, lane in zip(table.lives, table.lane, strict=True) if lane in number]
    return _Table(
        [each for each, _ in lives],
        [lane for _, lane in lives],
        {each.key: n for n, (each, _) in enumerate(lives)},
        [table.count[lane] for lane in kept],
        [table.last[lane] for lane in kept],
        0 if all_quiet else len(table.count) - len(kept),
    )


def _bars(
    table: _Table, said: dict[int, list[Said]], span: int, words: _Words
) -> tuple[Columns, list[int], list[tuple[int, str]]]:
    """Bars without repetitions, the worst state of each lane, and (state, note) of each lane at the end."""
    life: list[object] = []
    at: list[object] = []
    state: list[object] = []
    note: list[object] = []
    worst, final = [0] * len(table.count), [(GONE, "")] * len(table.count)
    for n, each in enumerate(table.lives):
        lane, before = table.lane[n], (-2, "")
        for moment, now, text in said.get(each.key, ()):
            if (now, text) == before or moment >= span:
                continue
            before = (now, text)
            life.append(n)
            at.append(max(0, moment))
            state.append(now)
            note.append(words(text))
            worst[lane] = max(worst[lane], now)
        if each.ended is None:
            final[lane] = before if before[0] >= 0 else (0, "")
    return {"life": life, "t": at, "state": state, "note": note}, worst, final


def _lanes(
    table: _Table, owners: dict[int, str], worst: list[int], final: list[tuple[int, str]], words: _Words
) -> Columns:
    first = dict(zip(reversed(table.lane), reversed(table.lives), strict=True))
    newest = dict(zip(table.lane, table.lives, strict=True))
    by_uid = {(each.cluster, each.uid): lane for each, lane in zip(table.lives, table.lane, strict=True)}
    order = [first[lane] for lane in range(len(table.count))]
    return {
        "cluster": [words(each.cluster) for each in order],
        "namespace": [words(each.namespace) for each in order],
        "kind": [words(each.kind) for each in order],
        "resource": [words(each.resource) for each in order],
        "name": [words(each.name) for each in order],
        "owner": [by_uid.get((each.cluster, owners.get(newest[n].key, "")), -1) for n, each in enumerate(order)],
        "changes": [*table.count],
        "worst": [*worst],
        "state": [state for state, _ in final],
        "note": [words(text) for _, text in final],
        "last": [*table.last],
    }


def _lives(table: _Table) -> Columns:
    return {
        "lane": [*table.lane],
        "uid": [each.uid for each in table.lives],
        "epoch": [each.epoch for each in table.lives],
        "from": [each.began for each in table.lives],
        "to": [each.ended for each in table.lives],
    }


def _bins(table: _Table, rows: Sequence[list[int]], width: int) -> Bins:
    """Lives that share a lane come one after the other; the few cells that they share stay apart, as two."""
    runs = runs_of(rows[0])
    found = Bins(width=width, lane=[], bin=[], count=[], kind=[], human=[])
    into = (found.bin, found.count, found.kind, found.human)
    for lane, each in zip(table.lane, table.lives, strict=True):
        if (run := runs.get(each.key)) is not None:
            found.lane += [lane] * (run.stop - run.start)
            for column, values in zip(into, rows[1:5], strict=True):
                column += values[run]
    return found


def _marks(table: _Table, rows: Sequence[list[Any]], words: _Words) -> dict[str, object]:
    """Marks as columns, deltas taken. Lives that are unknown (their row of `objects` is a moment late) stay out."""
    known = [n for n, key in enumerate(rows[0]) if key in table.place]
    _, at, kind, op, actor, human, seq, error, epoch, noise = ([column[n] for n in known] for column in rows)
    life = [table.place[rows[0][n]] for n in known]
    return {
        "t": deltas(at),
        "life": life,
        "class": kind,
        "op": op,
        "actor": [words(str(each)) for each in actor],
        "human": [n for n, each in enumerate(human) if each],
        "seq": steps_of(life, seq),
        "error": sparse("ms", error, [not each for each in error]),
        "epoch": sparse("epoch", epoch, [each == table.lives[at].epoch for each, at in zip(epoch, life, strict=True)]),
        "noise": [n for n, each in enumerate(noise) if each],
    }
