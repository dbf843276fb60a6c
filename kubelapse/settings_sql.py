"""Settings of ad-hoc SQL: how much a statement may take, and as whom it is asked on a ClickHouse server."""

import re
from pathlib import Path
from typing import TYPE_CHECKING

from kubelapse.setting import Setting, path, seconds, store_url

if TYPE_CHECKING:
    from kubelapse.settings import Settings
    from query.sql.bounds import Bounds

_UNITS = {"": 1, "Ki": 1 << 10, "Mi": 1 << 20, "Gi": 1 << 30}


def size(text: str) -> int:
    """Bytes: `64Mi`, `1Gi`, or a plain number."""
    found = re.fullmatch(r"(\d+)(Ki|Mi|Gi)?", text.strip())
    if not found or not int(found[1]):
        raise ValueError("expected a size such as 256Mi or 1Gi")
    return int(found[1]) * _UNITS[found[2] or ""]


def several(text: str) -> int:
    """A number from 1 on."""
    if not text.isdecimal() or not int(text):
        raise ValueError("expected a number from 1 on")
    return int(text)


SECONDS: Setting[float] = Setting(
    name="sql_seconds", env="KUBELAPSE_SQL_SECONDS", default="10s", parse=seconds,
    help="How long one statement of ad-hoc SQL may take.",
)  # fmt: skip
MEMORY: Setting[int] = Setting(
    name="sql_memory", env="KUBELAPSE_SQL_MEMORY", default="256Mi", parse=size,
    help="How much memory the engine may use for one statement of ad-hoc SQL.",
)  # fmt: skip
ROWS: Setting[int] = Setting(
    name="sql_rows", env="KUBELAPSE_SQL_ROWS", default="1000000", parse=several,
    help="How many rows one answer of ad-hoc SQL may have; a larger one fails.",
)  # fmt: skip
BYTES: Setting[int] = Setting(
    name="sql_bytes", env="KUBELAPSE_SQL_BYTES", default="64Mi", parse=size,
    help="How large one answer of ad-hoc SQL may be, as JSON.",
)  # fmt: skip
QUERIES: Setting[int] = Setting(
    name="sql_queries", env="KUBELAPSE_SQL_QUERIES", default="2", parse=several,
    help="How many statements of ad-hoc SQL may run at once; others wait.",
)  # fmt: skip
SQL_STORE: Setting[str] = Setting(
    name="sql_store", env="KUBELAPSE_SQL_STORE", parse=store_url, shown_default="not offered on a server",
    help="The same ClickHouse database as a user that may do nothing but ad-hoc SQL (role `kubelapse_readonly`): "
    "`https://reader@host:8443/kubelapse`. An embedded store needs none.",
)  # fmt: skip
SQL_STORE_PASSWORD_FILE: Setting[Path | None] = Setting(
    name="sql_store_password_file", env="KUBELAPSE_SQL_STORE_PASSWORD_FILE", parse=path,
    help="File with the password of that user.",
)  # fmt: skip

SQL_SETTINGS: tuple[Setting[object], ...] = (
    SECONDS, MEMORY, ROWS, BYTES, QUERIES, SQL_STORE, SQL_STORE_PASSWORD_FILE,
)  # fmt: skip


def bounds(settings: "Settings") -> "Bounds":
    """What statements may take."""
    from query.sql.bounds import Bounds
    from schema.sandbox import Caps

    caps = Caps(seconds=settings[SECONDS], memory=settings[MEMORY])
    return Bounds(rows=settings[ROWS], bytes=settings[BYTES], queries=settings[QUERIES], caps=caps)
