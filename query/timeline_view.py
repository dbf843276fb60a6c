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
             "state": [state code at `to`, -1 = gone], "note": [string, at `to`],
             "last": [ms of the last shown change, -1 = none] },
  "lanes_left_out": n,                                            above 100,000 lanes: those that did not change
  "said":  { "state": [code, -1 = nothing is said], "note": [string: `3/4`, `CrashLoopBackOff`] },      *said* below
  "lives": { "lane": [lane], "uid": [text], "epoch": [number], "from": [ms, or null = before we looked],
             "to": [ms, or null = still there at `to`],            sorted by lane, then time; between lives: gone
             "said": [said: at the start of the window] },
  "bars":  { "life": [life], "t": [ms], "said": [said] },          what hidden changes said (without marks: all), in
                                                                     order of time; null in `bins` mode
  "marks": { "t": [ms after the mark before: DELTA], "life": [life], "class": [code], "op": [0 add 1 update 2 delete],
             "actor": [string], "human": [indexes of marks made by a person's tool],
             "seq": [seq minus that of the life's mark before (first: seq itself)],
             "said": {"mark": [index: DELTA], "said": [said]},     only where it is another than before
             "error": {"mark": [index], "ms": [± of ts: draw a whisker to t - ms]},
             "epoch": {"mark": [index], "epoch": [number]},        only marks of another epoch than their life's
             "noise": [indexes of marks that are noise; only with noise=off] } | null,
  "bins":  { "width": ms per bin, "cells": [how many of the following each life has],
             "bin": [n], "count": [n], "class": [highest code], "human": [indexes], "worst": [said], "final": [said] }
             worst and last state of each bin, 0 = as before | null,
  "overview": { "width": ms per column, "loud": [n], "quiet": [n] },   loud: spec, rollout, drift, delete, create
  "spans": [ {"class": "gap"|"late", "from": ms, "to": ms, "cluster", "resource" ("" = all), "namespace" ("" = all),
              "reason", "id"} ] }                                  where nobody was watching; the text is in `coverage`
```

`GET /api/v1/timeline/event?cluster&kind
&namespace&name&uid&epoch&seq` is the whole change behind a mark, as `/events/{id}` gives it. Drift marks are not in
here: they need a baseline (`/drift`).

States come from table `marks` (`schema/ddl`), which reads them from the object as it is inserted: conditions and status
of the well-known kinds, and generally what `metadata.deletionTimestamp`, `status.phase`, `status.conditions[type=Ready,
Available, Failed, Progressing]` and `observedGeneration` say. What has no health `exists`.
"""

from dataclasses import dataclass
from datetime import datetime

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from query import timeline_sql as sql
from query.models import Coverage, Hidden
from query.timeline_columns import deltas, ints, places, sparse, steps_of
from query.timeline_lanes import Columns, Lanes, Sayings, Sums, Words
from query.timeline_sql import Question
from schema.store import Store

CLASSES = ["status", "metadata", "create", "spec", "rollout", "delete", "drift"]
STATES = ["exists", "ready", "terminating", "progressing", "failing"]
PARTS = ("lanes", "marks", "bars", "overview")
MOST_MARKS = 200_000
MOST_LANES = 100_000

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
    """Counted changes and states, by life and bin; `width` in ms."""

    width: int
    cells: list[int]
    bin: list[int]
    count: list[int]
    kind: list[int]
    human: list[int]
    worst: list[int]
    final: list[int]


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
    said: Columns
    lives: dict[str, object]
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


def view(store: Store, question: Question, drawing: Drawing, *, open_end: bool, coverage: Coverage) -> TimelineView:
    """The answer. `open_end`: the window ends now."""
    total, hidden = sql.counts(store, question)
    binned, words = total > drawing.most, Words()
    answer = TimelineView(
        from_=question.after, to=question.until, origin=question.after, span=question.span,
        now=question.span if open_end else None, coverage=coverage, hidden=hidden, total=total,
        mode="bins" if binned else "marks", strings=[], classes=CLASSES, states=STATES,
        lanes={}, lanes_left_out=0, said={}, lives={}, bars=None, marks=None, bins=None, overview=None,
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


def _draw(store: Store, question: Question, drawing: Drawing, answer: TimelineView, words: Words, binned: bool) -> None:
    owners, before = sql.owners(store, question), sql.before(store, question)
    lanes, sayings = Lanes.of(sql.lives(store, question), owners), Sayings(words, sql.notes(store, question))
    width = 0
    if binned:
        width = -(-question.span // min(drawing.width, max(_FEWEST, _CELLS // max(1, len(lanes.first)))))
        rows, said = sql.bins(store, question, width), _BINS
    else:
        rows, said = sql.marks(store, question), _MARKS
    sums = Sums.of(lanes.lives, rows.select(said).rename_columns(_SUMMED), before)
    if drawing.changed_only or len(lanes.first) > MOST_LANES:
        lanes, answer.lanes_left_out = _fewer(lanes, owners, sums, drawing.changed_only)
        sums = Sums.of(lanes.lives, rows.select(said).rename_columns(_SUMMED), before)
    answer.lanes = lanes.columns(sums, sayings, words)
    answer.lives = _lives(lanes, [sayings(each) for each in sums.before])
    rows = rows.append_column("place", places(rows["life"], lanes.lives["life"]))
    # The others are left out, or their row of `objects` is a moment late.
    rows = rows.filter(pc.is_valid(rows["place"]))
    if binned:
        answer.bins = _bins(rows, width, len(lanes.lane), sayings)
    else:
        said_then = _told(rows, sums.before)
        answer.marks = _marks(rows, said_then, lanes, words, sayings) if "marks" in drawing.parts else None
        shown = ints(rows["n"]) if "marks" in drawing.parts else [0] * rows.num_rows
        answer.bars = _bars(rows, [n for n in said_then if not shown[n]], sayings) if "bars" in drawing.parts else None
    answer.said = {"state": sayings.state, "note": sayings.note}


_SUMMED = ["life", "n", "newest", "worst", "final"]
_BINS = _SUMMED
_MARKS = ["life", "n", "newest", "word", "word"]


def _fewer(lanes: Lanes, owners: pa.Table, sums: Sums, all_quiet: bool) -> tuple[Lanes, int]:
    """Lanes that changed and those that own them; without `all_quiet` as many quiet ones as there is room for."""
    keep = lanes.changed_with_owners(sums.count)
    quiet = [lane for lane in range(len(lanes.first)) if lane not in keep]
    if not all_quiet:
        keep.update(quiet[: max(0, MOST_LANES - len(keep))])
    return lanes.only(keep, owners), 0 if all_quiet else len(lanes.first) - len(keep)


def _lives(lanes: Lanes, said: list[int]) -> dict[str, object]:
    lives = lanes.lives
    return {
        "lane": lanes.lane,
        "uid": lives["uid"].to_pylist(),
        "epoch": ints(lives["epoch"]),
        "from": lives["began"].to_pylist(),
        "to": lives["ended"].to_pylist(),
        "said": said,
    }


def _bins(rows: pa.Table, width: int, lives: int, sayings: Sayings) -> Bins:
    """Sorted by life and time without a step per cell."""
    place = pc.cast(rows["place"], pa.int64())
    rows = rows.take(pc.array_sort_indices(pc.add(pc.shift_left(place, 32), pc.cast(rows["bin"], pa.int64()))))
    runs = pc.run_end_encode(rows["place"].combine_chunks())
    cells = [0] * lives
    for life, many in zip(ints(runs.values), deltas(ints(runs.run_ends)), strict=True):
        cells[life] = many
    flags = ints(rows["flags"])
    return Bins(
        width=width, cells=cells, bin=ints(rows["bin"]), count=ints(rows["n"]), kind=[_HIGHEST[each] for each in flags],
        human=[n for n, each in enumerate(flags) if each > _PERSON],
        worst=sayings.column(rows["worst"]), final=sayings.column(rows["final"]),
    )  # fmt: skip


_PERSON = 0x7F
_HIGHEST = [max(0, (flags & _PERSON).bit_length() - 1) for flags in range(256)]


def _told(rows: pa.Table, before: list[int]) -> list[int]:
    """Which rows say something else than was said of their life before."""
    last, found = list(before), []
    for n, (life, word) in enumerate(zip(ints(rows["place"]), ints(rows["word"]), strict=True)):
        if word and last[life] != word:
            last[life] = word
            found.append(n)
    return found


def _bars(rows: pa.Table, told: list[int], sayings: Sayings) -> Columns:
    chosen = rows.take(pa.array(told, pa.int64()))
    return {"life": ints(chosen["place"]), "t": ints(chosen["ms"]), "said": sayings.column(chosen["word"])}


def _marks(rows: pa.Table, told: list[int], lanes: Lanes, words: Words, sayings: Sayings) -> dict[str, object]:
    """Marks as columns, deltas taken."""
    shown = pc.equal(rows["n"], pa.scalar(1, rows["n"].type))
    number = pc.subtract(pc.cumulative_sum(pc.cast(rows["n"], pa.int64())), 1)  # of each row among those that are shown
    said = rows.append_column("mark", number).take(pa.array(told, pa.int64()))
    said = said.filter(pc.equal(said["n"], pa.scalar(1, said["n"].type)))
    rows = rows.filter(shown)
    life, error, epoch = ints(rows["place"]), ints(rows["error"]), ints(rows["epoch"])
    usual = ints(lanes.lives["epoch"])
    return {
        "t": deltas(ints(rows["ms"])),
        "life": life,
        "class": ints(rows["class"]),
        "op": ints(rows["op_"]),
        "actor": words.column(rows["actor"]),
        "human": _set(rows["person"]),
        "seq": steps_of(life, ints(rows["seq"])),
        "said": {"mark": deltas(ints(said["mark"])), "said": sayings.column(said["word"])},
        "error": sparse("ms", error, [not each for each in error]),
        "epoch": sparse("epoch", epoch, [each == usual[at] for each, at in zip(epoch, life, strict=True)]),
        "noise": _set(rows["noise_"]),
    }


def _set(column: pa.Array) -> list[int]:
    return [n for n, each in enumerate(ints(column)) if each]
