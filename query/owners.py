"""Whose a field was when an object was first seen: managedFields as the API server served them.

Field sets: KEP-555, sigs.k8s.io/structured-merge-diff. Of several owners the one that wrote last counts.
"""

from dataclasses import dataclass
from datetime import datetime

import orjson

from schema.canonical import Json, JsonObject
from schema.fieldsets import owns
from schema.paths import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Owner:
    """`wrote`: when this manager last wrote any of its fields (whole seconds of the server's clock)."""

    manager: str
    operation: str
    wrote: datetime | None


class Owners:
    """The entries of one version's managedFields, newest first."""

    def __init__(self, managed: str | bytes) -> None:
        """What is no list of entries owns nothing."""
        try:
            listed: Json = orjson.loads(managed or b"[]")
        except orjson.JSONDecodeError:
            listed = []
        entries = [each for each in listed if isinstance(each, dict)] if isinstance(listed, list) else []
        self._entries = sorted(entries, key=lambda each: str(each.get("time") or ""), reverse=True)

    def of(self, path: Path) -> Owner | None:
        """Who owned the value at this path."""
        return next((_owner(each) for each in self._entries if _owns(each, path)), None)

    def all(self) -> list[Owner]:
        """Every manager that owns something, newest first."""
        return [_owner(each) for each in self._entries]


def _owns(entry: JsonObject, path: Path) -> bool:
    fields = entry.get("fieldsV1")
    return isinstance(fields, dict) and owns(fields, path)


def _owner(entry: JsonObject) -> Owner:
    time = entry.get("time")
    try:
        wrote = datetime.fromisoformat(time) if isinstance(time, str) else None
    except ValueError:
        wrote = None
    return Owner(
        manager=str(entry.get("manager") or ""),
        operation=str(entry.get("operation") or ""),
        wrote=wrote if wrote is not None and wrote.tzinfo else None,
    )
