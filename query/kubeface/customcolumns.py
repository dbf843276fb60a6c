"""Columns that a CustomResourceDefinition asks for (`additionalPrinterColumns`), as its own server fills them.

Their JSONPaths are simple by rule: members, indexes, `[*]`, and equality filters. Of several results the first counts
(apiextensions-apiserver, registry/customresource/tableconvertor).
"""

import re
from collections.abc import Iterable
from datetime import datetime

import orjson

from query.kubeface.columns import NAME, Cells, Column, Printer, name
from query.kubeface.durations import since
from query.kubeface.fields import listed, number, text, written
from schema.canonical import Json, JsonObject

_STEP = re.compile(
    r"""\.(?P<member>(?:\\.|[^.\[\]\\])+)
      | \[['"](?P<quoted>[^'"]+)['"]\]
      | \[(?P<index>-?\d+)\]
      | \[(?P<all>\*)\]
      | \[\?\(\s*@\.(?P<key>[\w.\-]+)\s*==\s*['"](?P<wanted>[^'"]*)['"]\s*\)\]""",
    re.VERBOSE,
)


def of_definition(crd: JsonObject, version: str) -> Printer | None:
    """The columns for objects of this version; None when it has none of its own."""
    for served in listed(crd, "spec", "versions"):
        if text(served, "name") == version and (asked := listed(served, "additionalPrinterColumns")):
            return _printer(asked)
    return None


def _printer(asked: list[JsonObject]) -> Printer:
    columns = [
        Column(text(each, "name"), text(each, "type"), number(each, "priority"), text(each, "format")) for each in asked
    ]
    paths = [text(each, "jsonPath") for each in asked]

    def cells(one: JsonObject, now: datetime) -> Cells:
        found = (next(iter(results(one, path)), None) for path in paths)
        return [name(one), *(_cell(each, column.type, now) for each, column in zip(found, columns, strict=True))]

    return Printer((NAME, *columns), cells)


def results(document: Json, path: str) -> list[Json]:
    """What a JSONPath finds; nothing for a form that is not known."""
    path = path.strip().removeprefix("$")
    found, end = [document], 0
    for step in _STEP.finditer(path if path.startswith((".", "[")) else f".{path}"):
        if step.start() != end:
            return []
        found, end = [each for one in found for each in _step(one, step)], step.end()
    return found if end == len(path if path.startswith((".", "[")) else f".{path}") else []


def _step(one: Json, step: "re.Match[str]") -> Iterable[Json]:
    member = step["quoted"] or (step["member"].replace("\\", "") if step["member"] else None)
    if member is not None:
        return [one[member]] if isinstance(one, dict) and member in one else []
    if step["all"]:
        return one if isinstance(one, list) else list(one.values()) if isinstance(one, dict) else []
    if not isinstance(one, list):
        return []
    if step["index"] is not None:
        place = int(step["index"])
        return [one[place]] if -len(one) <= place < len(one) else []
    return [each for each in one if [step["wanted"]] == [written(got) for got in results(each, f".{step['key']}")]]


def _cell(found: Json, kind: str, now: datetime) -> Json:
    if found is None:
        return None
    if kind == "date":
        return since(found, now) if isinstance(found, str) else None
    if kind == "string":
        return orjson.dumps(found).decode() if isinstance(found, dict | list) else written(found)
    if kind == "boolean":
        return found if isinstance(found, bool) else None
    return found if isinstance(found, int | float) and not isinstance(found, bool) else None
