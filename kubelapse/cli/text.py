"""Text that is safe on a terminal and columns as kubectl prints them.

Object names, annotations and messages come from whoever may write to the cluster; an escape sequence among them must
not reach the terminal. Tables lose such characters, JSON and YAML show them escaped.
"""

import csv
import io
import re
import unicodedata
from collections.abc import Iterable, Sequence

import orjson

# What turns the direction of text around, what cannot be seen, and what some terminals take for a new line.
_UNSEEN = "\xad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\U000e0000-\U000e007f"
# C0 (less tab and newline), DEL, C1.
_CONTROL = re.compile(f"[\x00-\x08\x0b-\x1f\x7f-\x9f{_UNSEEN}]")
_IN_JSON = re.compile(f"[\x7f-\x9f{_UNSEEN}]")
# A minus begins a formula too, unless nothing but a number follows.
_NUMBER = re.compile(r"-\d+(\.\d+)?")


def plain(text: str) -> str:
    """The text without terminal control characters; lines and tabs stay."""
    return _CONTROL.sub("", text)


def cell(text: str) -> str:
    """One table cell: one line, no control characters, `<none>` when empty."""
    return plain(" ".join(text.split())) or "<none>"


def json_text(value: object, *, indent: bool = True) -> str:
    """JSON whose control characters are all escaped."""
    raw = orjson.dumps(value, option=orjson.OPT_INDENT_2 if indent else 0).decode()
    return _IN_JSON.sub(lambda found: _escaped(found[0]), raw)


def _escaped(character: str) -> str:
    """As JSON writes it: beyond the first plane as two."""
    units = memoryview(character.encode("utf-16-le")).cast("H")
    return "".join(f"\\u{unit:04x}" for unit in units)


def width(text: str) -> int:
    """Columns the text takes on a terminal (wide East Asian characters take two)."""
    if text.isascii():
        return len(text)
    return sum(0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)


def table(header: Sequence[str], rows: Iterable[Sequence[str]], *, headers: bool = True) -> str:
    """Columns three spaces apart, left aligned, without boxes; "" when there are no rows."""
    body = [[cell(value) for value in row] for row in rows]
    if not body:
        return ""
    lines = [list(header), *body] if headers else body
    widths = [max(width(line[column]) for line in lines) for column in range(len(header))]
    return "".join(_line(line, widths) for line in lines)


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    padded = [text + " " * (wanted - width(text)) for text, wanted in zip(cells, widths, strict=True)]
    return "   ".join(padded).rstrip() + "\n"


def csv_text(header: Sequence[str], rows: Iterable[Sequence[str]], *, headers: bool = True) -> str:
    """RFC 4180 with lower-case column names; what a spreadsheet would run as a formula gets an apostrophe before it."""
    target = io.StringIO()
    writer = csv.writer(target)
    if headers:
        writer.writerow([name.lower() for name in header])
    writer.writerows([[_inert(plain(value)) for value in row] for row in rows])
    return target.getvalue()


def _inert(value: str) -> str:
    formula = value[:1] in ("=", "+", "@", "\t", "\r", "\n") or (value[:1] == "-" and not _NUMBER.fullmatch(value))
    return f"'{value}" if formula and value != "-" else value
