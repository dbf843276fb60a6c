"""Columns of a Table, and what fills them: which kinds have which is in `printers`, `printers_pods` and so on.

The source of names and cells is kubernetes/pkg/printers/internalversion/printers.go (1.35): a table of the past reads
as one of the present.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from query.kubeface.durations import since
from query.kubeface.fields import listed, mapping, strings, text, value, written
from schema.canonical import Json, JsonObject

Cells = list[Json]


@dataclass(frozen=True, slots=True)
class Column:
    """One column; those of a priority above 0 are shown with `-o wide` only."""

    name: str
    type: str = "string"
    priority: int = 0
    format: str = ""

    def definition(self) -> JsonObject:
        """As meta.k8s.io/v1 writes it."""
        return {
            "name": self.name,
            "type": self.type,
            "format": self.format,
            "description": self.name,
            "priority": self.priority,
        }


@dataclass(frozen=True, slots=True)
class Printer:
    """The columns of one kind, and how an object fills them at a moment."""

    columns: Sequence[Column]
    cells: Callable[[JsonObject, datetime], Cells]


NAME = Column("Name", format="name")
AGE = Column("Age")
CONTAINERS = (Column("Containers", priority=1), Column("Images", priority=1), Column("Selector", priority=1))


def columns(*spelled: str) -> tuple[Column, ...]:
    """`Ready`, `Desired:integer`, `IP+` (wide only)."""
    found = []
    for each in spelled:
        bare = each.removesuffix("+")
        name, _, kind = bare.partition(":")
        found.append(Column(name, kind or "string", 1 if each.endswith("+") else 0))
    return tuple(found)


def name(one: JsonObject) -> str:
    """Its name."""
    return text(one, "metadata", "name")


def age(one: JsonObject, now: datetime) -> str:
    """Since its creation."""
    return since(value(one, "metadata", "creationTimestamp"), now)


def deleting(one: JsonObject) -> bool:
    """Whether its deletion has begun."""
    return value(one, "metadata", "deletionTimestamp") is not None


def containers(one: JsonObject, *path: str) -> tuple[str, str]:
    """Names and images of the containers of a pod spec."""
    found = listed(one, *path, "containers")
    return ",".join(text(each, "name") for each in found), ",".join(text(each, "image") for each in found)


def pairs(labels: Json) -> str:
    """`a=1,b=2`, sorted; `<none>` (apimachinery labels.FormatLabels)."""
    if not isinstance(labels, dict) or not labels:
        return "<none>"
    return ",".join(f"{key}={written(labels[key])}" for key in sorted(labels))


def selector(found: Json) -> str:
    """A label selector on one line (meta/v1 FormatLabelSelector)."""
    if not isinstance(found, dict):
        return "<none>"
    parts = {key: f"{key}={written(each)}" for key, each in mapping(found, "matchLabels").items()}
    for each in listed(found, "matchExpressions"):
        key, operator = text(each, "key"), text(each, "operator")
        values = ",".join(sorted(strings(each, "values")))
        spelled = {"In": f"{key} in ({values})", "NotIn": f"{key} notin ({values})", "DoesNotExist": f"!{key}"}
        parts[key] = spelled.get(operator, key)
    return ",".join(parts[key] for key in sorted(parts)) or "<none>"
