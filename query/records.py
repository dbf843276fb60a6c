"""Rows of `events` as events again, for every question that reads them."""

from collections.abc import Iterable

import msgspec
from msgspec import Raw

from query.errors import DamagedHistory
from schema.canonical import digest
from schema.events import Event
from schema.rows import EVENT_COLUMNS, event_from_row
from schema.store import Row

KEY = "cluster, namespace, resource, `group`, name, uid, epoch, rv_order, op"
"""What identifies an observation: the replacing key of `events`."""

LOG_ORDER = "ts, resource, `group`, rv_order, cluster, namespace, name, uid, epoch, op"
"""A total order of changes: by time, then in the order of each kind's own resourceVersions."""

WITHOUT_OBJECT = EVENT_COLUMNS.replace("`object`", "''")
"""EVENT_COLUMNS for lists: the state stays on disk. No alias: conditions on `object` must still mean the column."""


_WIDE = ("patch", "managed", "hash")
_NOWHERE = {"since": "NULL"} | dict.fromkeys((*_WIDE, "object"), "''")
NAMES = EVENT_COLUMNS.replace("`", "").split(", ")
"""Columns of a row of EVENT_COLUMNS or NARROW."""

IDENTITY = "cluster, uid, epoch, rv_order, op"
"""KEY as far as it tells versions apart: a uid has one name."""

_KEY_PLACES = [NAMES.index(name) for name in IDENTITY.split(", ")]
_WIDE_PLACES = [NAMES.index(name) for name in _WIDE]

NARROW = ", ".join(_NOWHERE.get(name, f"`{name}`") for name in NAMES)
"""EVENT_COLUMNS from `changes`, without what is large (`since` is said of checkpoints alone); `joined` fills it in."""

WIDE = ", ".join(_WIDE)
"""What NARROW lacks, as `events` has it."""

SMALL = WIDE.replace("managed", "''")
"""The same from `changes`, where a patch is '' when it and managedFields are in `events` alone."""


def joined(narrow: Iterable[Row], wide: Iterable[Row]) -> list[Event]:
    """Rows of NARROW in order, with those of IDENTITY and WIDE; what has none is left out: it is not whole yet."""
    known = {row[: len(_KEY_PLACES)]: row[len(_KEY_PLACES) :] for row in wide}
    found = []
    for row in narrow:
        values = known.get(tuple(row[place] for place in _KEY_PLACES))
        if values is not None:
            whole = list(row)
            for place, value in zip(_WIDE_PLACES, values, strict=True):
                whole[place] = value
            found.append(event_from_row(tuple(whole)))
    return found


def events(rows: Iterable[Row]) -> list[Event]:
    """Rows selected with EVENT_COLUMNS or WITHOUT_OBJECT."""
    return [event_from_row(row) for row in rows]


def proved(event: Event, state: bytes) -> Raw:
    """The state as raw JSON, its hash checked. Raises DamagedHistory: a wrong state is never shown."""
    name = f"{event.kind_id} {event.namespace}/{event.name} at resourceVersion {event.rv}"
    return Raw(checked(state, event.hash, name))


def checked(state: bytes, promised: str, name: str) -> bytes:
    """The state itself. Raises DamagedHistory when its hash is not the promised one."""
    if digest(state) != promised:
        raise DamagedHistory(
            f"The stored state of {name} does not match its hash.",
            "Run `kubelapse verify` to see what else is damaged; other revisions are not affected.",
        )
    return state


def labels(state: bytes) -> dict[str, str]:
    """The labels in an object's JSON; nothing else of it is decoded."""
    return msgspec.json.decode(state, type=_Labelled).metadata.labels or {}


class _Metadata(msgspec.Struct):
    labels: dict[str, str] | None = None


class _Labelled(msgspec.Struct):
    metadata: _Metadata = msgspec.field(default_factory=_Metadata)
