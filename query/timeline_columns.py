"""Columns of the timeline in a form that compresses: deltas, steps per life, and only what is out of the ordinary."""

from collections.abc import Sequence
from itertools import accumulate, groupby


def runs_of(keys: Sequence[int]) -> dict[int, slice]:
    """Where the rows of each life are: they come sorted by it."""
    found: dict[int, slice] = {}
    begin = 0
    for key, same in groupby(keys):
        end = begin + sum(1 for _ in same)
        found[key] = slice(begin, end)
        begin = end
    return found


def deltas(values: Sequence[int]) -> list[int]:
    """Each value minus the one before it."""
    return [now - before for before, now in zip([0, *values], values, strict=False)]


def undeltas(values: Sequence[int]) -> list[int]:
    """What `t` says: milliseconds after the origin."""
    return list(accumulate(values))


def steps_of(lives: Sequence[int], seqs: Sequence[int]) -> list[int]:
    """Each seq minus that of the same life before it."""
    last: dict[int, int] = {}
    found = []
    for life, seq in zip(lives, seqs, strict=True):
        found.append(seq - last.get(life, 0))
        last[life] = seq
    return found


def sparse(name: str, values: Sequence[object], usual: Sequence[bool]) -> dict[str, list[object]]:
    """Only what is out of the ordinary, with its mark."""
    rare = [n for n, each in enumerate(usual) if not each]
    return {"mark": [*rare], name: [values[n] for n in rare]}
