"""Answers of ad-hoc SQL as JSON, JSON Lines and CSV. JSON is the lossless form: values are what the engine wrote.

CSV is for spreadsheets: a cell that one would run as a formula (=, +, -, @, tab or carriage return first; OWASP, "CSV
Injection") gets an apostrophe before it, also where it is a negative number written as text.
"""

import csv
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import TypeAlias

import msgspec
import orjson

from query.sql.desk import Answer

_values = msgspec.json.Decoder(list[msgspec.Raw]).decode
"""The single values of a JSON array, as they were written."""

_DANGEROUS = ("=", "+", "-", "@", "\t", "\r")
_CHUNK = 64 << 10

Value: TypeAlias = "bool | int | float | str | Sequence[Value] | Mapping[str, Value] | None"


def json_document(answer: Answer, around: bytes) -> Iterator[bytes]:
    """`{"columns": […], …around, "rows": [[…], …], "count": n, "truncated": false}`; `around` is `"name": value, …`."""
    names, types = orjson.loads(answer.names), orjson.loads(answer.types)
    columns = [{"name": name, "type": kind} for name, kind in zip(names, types, strict=True)]
    yield b'{"columns":' + orjson.dumps(columns) + b"," + around + b',"rows":['
    yield from _chunks(_joined(answer.rows, b","))
    yield b'],"count":%d,"truncated":%s}' % (answer.count, b"true" if answer.truncated else b"false")


def json_lines(answer: Answer) -> Iterator[bytes]:
    """One object per row."""
    keys = [orjson.dumps(name) + b":" for name in _unique(orjson.loads(answer.names))]
    yield from _chunks(_object(keys, row) for row in answer.rows)


def csv_text(answer: Answer, *, header: bool = True) -> Iterator[bytes]:
    """RFC 4180, a header first; what is nested stands as JSON."""
    first = [[*orjson.loads(answer.names)]] if header else []
    yield from _chunks(csv_line(row) for row in (*first,))
    yield from _chunks(csv_line(json.loads(row)) for row in answer.rows)


def inert(value: Value) -> str:
    """A cell that no spreadsheet takes for a formula; numbers are numbers."""
    if value is None:
        return ""
    if isinstance(value, bool | int | float):
        return json.dumps(value)
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return f"'{text}" if text.startswith(_DANGEROUS) else text


def csv_line(row: "Sequence[Value]") -> bytes:
    """One line of RFC 4180 whose cells are all inert."""
    target = io.StringIO()
    csv.writer(target).writerow([inert(value) for value in row])
    return target.getvalue().encode()


def _object(keys: list[bytes], row: bytes) -> bytes:
    return b"{" + b",".join(key + bytes(value) for key, value in zip(keys, _values(row), strict=True)) + b"}\n"


def _unique(names: list[str]) -> list[str]:
    """Two columns of one name would be one key: the later ones get a number."""
    seen: dict[str, int] = {}
    found = []
    for name in names:
        seen[name] = seen.get(name, 0) + 1
        found.append(name if seen[name] == 1 else f"{name}_{seen[name]}")
    return found


def _joined(parts: Iterator[bytes], between: bytes) -> Iterator[bytes]:
    for number, part in enumerate(parts):
        yield between + part if number else part


def _chunks(parts: Iterator[bytes]) -> Iterator[bytes]:
    """Few large pieces instead of many small ones."""
    held: list[bytes] = []
    size = 0
    for part in parts:
        held.append(part)
        size += len(part)
        if size >= _CHUNK:
            yield b"".join(held)
            held, size = [], 0
    if held:
        yield b"".join(held)
