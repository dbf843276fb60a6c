"""Mutated statements by the thousand against the walls of ad-hoc SQL.

    python -m tests.query.fuzz_sql --statements 100000 [--seed 1] [--seconds 600]

Honest statements (docs/sql.md) and attacks are cut, spliced, doubled, quoted and re-spelled. Nothing may open or make a
file in the canary's directory, call the port, show the canary's text, raise anything but a refusal, or stop the writer.
Half of the statements go past the first wall, straight to the others.
"""

import argparse
import random
import re
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from query.errors import QueryError
from query.sql import tree
from query.sql.bounds import Bounds
from schema.sandbox import Caps
from schema.store import StoreError
from tests.query.sql_yard import ATTACKS, SECRET, Yard, words, yard

TINY = Bounds(rows=1000, bytes=1 << 20, caps=Caps(seconds=0.3, memory=50 << 20, threads=1))
GUIDE = Path(__file__).parents[2] / "docs" / "sql.md"
_GLUE = (
    "",
    " ",
    "/**/",
    "--\n",
    ";",
    "(",
    ")",
    "`",
    '"',
    "'",
    ",",
    "\\",
    "\n",
    "\u00a0",
    "$$",
    "::",
    ".",
    "->",
    "{",
    "}",
)
_BITS = (
    "file('{canary}')", "file", "url('http://127.0.0.1:{port}/')", "INTO OUTFILE '{canary}.out'", 
    "SETTINGS readonly = 0",
    "FROM system.one", "FROM pins", "FORMAT CSV", "UNION ALL SELECT file('{canary}')", "APPLY(file)", "FINAL",
    "arrayMap(file, ['{canary}'])", "changes", "states_at('1h')", "FROM `{canary}`", "x -> file(x)",
    "dictGet('a', 'b', 1)",
)  # fmt: skip


class Escaped(AssertionError):
    """A statement that did what none may do."""


def seeds() -> list[str]:
    """What is mutated."""
    honest = re.findall(r"```sql\n(.*?)```", GUIDE.read_text(), re.DOTALL)
    return [*honest * 5, *(each for group, every in ATTACKS.items() if group != "bombs" for each in every)]


def mutated(known: list[str], chance: random.Random) -> str:
    """One new statement."""
    parts = words(chance.choice(known))
    for _ in range(chance.randint(1, 4)):
        at = chance.randrange(len(parts) + 1)
        match chance.randrange(8):
            case 0:
                del parts[at : at + chance.randint(1, 3)]
            case 1:
                parts[at:at] = parts[at : at + chance.randint(1, 8)]
            case 2:
                other = words(chance.choice(known))
                begin = chance.randrange(len(other))
                parts[at:at] = other[begin : begin + chance.randint(1, 12)]
            case 3:
                parts.insert(at, chance.choice(_GLUE))
            case 4:
                parts.insert(at, f" {chance.choice(_BITS)} ")
            case 5 if at < len(parts):
                parts[at] = chance.choice((str.upper, str.lower, str.swapcase))(parts[at])
            case 6 if at < len(parts):
                parts[at] = chance.choice(("`{}`", '"{}"', "({})", "[{}]", "'{}'", "-{}")).format(parts[at])
            case _:
                parts = parts[:at] + words(chance.choice(known))[at:]
    return "".join(parts) or ";"


def one(place: Yard, statement: str, *, straight: bool) -> str:
    """What became of it: refused, failed, ran. Raises Escaped.

    Whoever walks through the file system opens the directory, too: what was disturbed must be so each time.
    """
    for _ in range(3):
        outcome, told = _asked(place, statement, straight=straight)
        disturbed = place.watched.disturbed()
        if SECRET in told:
            raise Escaped(f"{statement!r}: {told[:200]}")
        if not disturbed:
            return outcome
    raise Escaped(f"{statement!r}: {disturbed}")


def _asked(place: Yard, statement: str, *, straight: bool) -> tuple[str, str]:
    try:
        if straight:
            tree.check(place.desk.door.tree(statement, {}), place.store.database)
            rows = list(place.desk.door.ask(statement, {}, TINY.caps, ticket="fuzz"))
        else:
            rows = place.ask(statement, at="1m", ns="shop") if "{at:" in statement else place.ask(statement)
    except QueryError as error:
        return "refused", str(error)
    except StoreError as error:
        return "failed", str(error)
    return "ran", b"".join(rows).decode("utf-8", "replace")


def run(place: Yard, statements: int, *, seed: int, seconds: float) -> Iterator[Counter[str]]:
    """Counts of outcomes, after every thousand and at the end."""
    chance, known, counts = random.Random(seed), seeds(), Counter[str]()
    end = time.monotonic() + seconds
    for number in range(1, statements + 1):
        counts[one(place, place.filled(mutated(known, chance)), straight=bool(number % 2))] += 1
        if not number % 1000:
            place.intact()
            yield counts
        if time.monotonic() > end:
            break
    place.intact()
    yield counts


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--statements", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=86_400.0)
    given = parser.parse_args()
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as directory, yard(Path(directory), TINY) as place:
        for counts in run(place, given.statements, seed=given.seed, seconds=given.seconds):
            took = time.monotonic() - began
            sys.stderr.write(f"{sum(counts.values())} statements in {took:.0f} s: {dict(counts)}\n")
    sys.stdout.write("nothing escaped\n")


if __name__ == "__main__":
    main()
