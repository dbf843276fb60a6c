"""The forms in which clients take objects: as they are, as a Table (kubectl get), or their metadata only."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from query.kubeface.columns import Printer
from query.kubeface.fields import text
from query.kubeface.past import Listed
from query.refs import KnownKind
from schema.canonical import Json, JsonObject

Included = Literal["Metadata", "Object", "None"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """What the answer is made of. `printer` None: no table. `now`: as of when ages are counted."""

    printer: Printer | None = None
    metadata_only: bool = False
    include: Included = "Metadata"
    now: datetime

    def of_list(self, found: Listed, kind: KnownKind) -> JsonObject:
        """A collection."""
        metadata: JsonObject = {"resourceVersion": found.version}
        if found.after:
            metadata |= {"continue": found.after, "remainingItemCount": found.remaining}
        if self.printer is not None:
            return self._table(found.items, metadata, headers=True)
        if self.metadata_only:
            items: list[Json] = [partial(each) for each in found.items]
            return {**_PARTIAL_LIST, "metadata": metadata, "items": items}
        return {
            "kind": f"{kind.kind}List",
            "apiVersion": api_version(kind),
            "metadata": metadata,
            "items": list(found.items),
        }

    def of_one(self, one: JsonObject, *, headers: bool = True) -> JsonObject:
        """One object; `headers` False: a table goes on."""
        if self.printer is not None:
            return self._table([one], {"resourceVersion": text(one, "metadata", "resourceVersion")}, headers=headers)
        return partial(one) if self.metadata_only else one

    def _table(self, items: Sequence[JsonObject], metadata: JsonObject, *, headers: bool) -> JsonObject:
        assert self.printer is not None
        definitions: Json = [each.definition() for each in self.printer.columns] if headers else None
        rows: list[Json] = [self._row(each, self.printer) for each in items]
        return {
            "kind": "Table",
            "apiVersion": "meta.k8s.io/v1",
            "metadata": metadata,
            "columnDefinitions": definitions,
            "rows": rows,
        }

    def _row(self, one: JsonObject, printer: Printer) -> JsonObject:
        row: JsonObject = {"cells": printer.cells(one, self.now)}
        if self.include != "None":
            row["object"] = one if self.include == "Object" else partial(one)
        return row


_PARTIAL: JsonObject = {"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1"}
_PARTIAL_LIST: JsonObject = {"kind": "PartialObjectMetadataList", "apiVersion": "meta.k8s.io/v1"}


def partial(one: JsonObject) -> JsonObject:
    """Its metadata only."""
    return {**_PARTIAL, "metadata": one.get("metadata")}


def api_version(kind: KnownKind) -> str:
    """`apps/v1`, `v1`."""
    return f"{kind.group}/{kind.version}" if kind.group else kind.version
