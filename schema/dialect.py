"""What both adapters share: quoting for ClickHouse, and what its failures mean, told apart once."""

import re

from schema.store import Params, QueryFailed, StoreError, StoreFull, StoreReadOnly, StoreUnavailable

# Numbers of ClickHouse's src/Common/ErrorCodes.cpp.
_FULL = {243}  # NOT_ENOUGH_SPACE
_READ_ONLY = {164, 242}  # READONLY, TABLE_IS_READ_ONLY
_REFUSED = {192, 193, 194, 516}  # UNKNOWN_USER, WRONG_PASSWORD, REQUIRED_PASSWORD, AUTHENTICATION_FAILED
_BUSY = {202, 209, 210}  # TOO_MANY_SIMULTANEOUS_QUERIES, SOCKET_TIMEOUT, NETWORK_ERROR

_MOST = 300  # characters of a server's text; it may quote whole statements
_CODE = re.compile(r"\bCode: (\d+)")
# The engine's own sentence, without what a client puts before it and the version and URL after it.
_SENTENCE = re.compile(
    r"Code: \d+\. (?:DB::Exception: )?(.*?)\s*(?:\(version [^)]*\)+)?\s*(?:\(for url [^)]*\))?\s*$", re.DOTALL
)


def failure(error: BaseException, *, code: int | None = None) -> StoreError:
    """The StoreError that says what `error` means; raise it `from` the error."""
    text = str(error)
    number = code or _code(text)
    sentence = _SENTENCE.search(text)
    said = shorten(sentence[1] if sentence else text)
    if number in _FULL or "No space left on device" in text or "errno: 28" in text:
        return StoreFull(f"The store has no space left: free some, or keep less history. {said}")
    if number in _READ_ONLY or "Read-only file system" in text or "errno: 30" in text:
        return StoreReadOnly(f"The store cannot be written to. {said}")
    if number in _REFUSED:
        return StoreUnavailable(f"ClickHouse refuses the user or password. {said}")
    if number in _BUSY:
        return StoreUnavailable(f"ClickHouse does not answer now. {said}")
    return QueryFailed(f"The store refused a statement: {said}", number)


def shorten(text: str) -> str:
    """One line, not too long."""
    line = " ".join(text.split())
    return line if len(line) <= _MOST else line[: _MOST - 1] + "…"


def _code(text: str) -> int:
    match = _CODE.search(text)
    return int(match[1]) if match else 0


def quoted(name: str) -> str:
    """A table, column or database name in a statement."""
    return "`" + name.replace("\\", "\\\\").replace("`", "\\`") + "`"


def literal(text: str) -> str:
    """A string in a statement, for the places where the server takes no parameter (settings)."""
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def given(sql: str, params: Params | None) -> dict[str, object] | None:
    """Parameters for clickhouse-connect, which would fall back to formatting with % when the SQL names none of them."""
    if not params:
        return None
    if strangers := [name for name in params if not re.search(r"\{\s*" + re.escape(name) + r"\s*:", sql)]:
        raise StoreError(f"The statement has no parameter {', '.join(strangers)}.")
    return dict(params)
