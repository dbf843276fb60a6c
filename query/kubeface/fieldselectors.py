"""Field selectors (`--field-selector status.phase!=Running`), for the fields that the API server knows per kind.

Kinds that are no part of Kubernetes may be asked by any field: their definitions name selectable ones, and asking for
more than the cluster would have answered does no harm.
"""

import re
from dataclasses import dataclass

from query.kubeface.fields import listed, text, value, written
from query.kubeface.statuses import Refusal
from schema.canonical import Json, JsonObject

_EVERY = ("metadata.name", "metadata.namespace")
_EVENTS = (
    *(f"involvedObject.{each}" for each in ("kind", "namespace", "name", "uid", "apiVersion", "resourceVersion")),
    "involvedObject.fieldPath",
    "reason",
    "reportingComponent",
    "source",
    "type",
)
_KNOWN: dict[str, tuple[str, ...]] = {
    "pods": (
        "spec.nodeName",
        "spec.restartPolicy",
        "spec.schedulerName",
        "spec.serviceAccountName",
        "spec.hostNetwork",
        "status.phase",
        "status.podIP",
        "status.podIPs",
        "status.nominatedNodeName",
    ),
    "events": _EVENTS,
    "events.events.k8s.io": _EVENTS,
    "namespaces": ("status.phase",),
    "nodes": ("spec.unschedulable",),
    "secrets": ("type",),
    "replicasets.apps": ("status.replicas",),
    "replicationcontrollers": ("status.replicas",),
    "jobs.batch": ("status.successful",),
    "certificatesigningrequests.certificates.k8s.io": ("spec.signerName",),
}
_WRITTEN_DEFAULTS = {"spec.hostNetwork": "false", "spec.unschedulable": "false", "status.replicas": "0"}
_TERM = re.compile(r"\s*(?P<field>[\w.\-/\[\]]+?)\s*(?P<operator>==|!=|=)(?P<value>(?:\\.|[^,\\])*)")


@dataclass(frozen=True, slots=True)
class Term:
    """One field and the value that it must have, or must not."""

    field: str
    value: str
    negated: bool

    def matches(self, one: JsonObject) -> bool:
        """Whether an object satisfies it."""
        return (_read(one, self.field) == self.value) != self.negated


def parse(asked: str, kind: str, group: str) -> tuple[Term, ...]:
    """The terms, all of which must hold. Raises Refusal."""
    found: list[Term] = []
    for part in re.split(r"(?<!\\),", asked) if asked.strip() else ():
        term = _TERM.fullmatch(part)
        if term is None:
            raise Refusal("BadRequest", f"invalid field selector: {part[:80]!r}")
        if not _is_known(term["field"], kind, group):
            raise Refusal("BadRequest", f"field label not supported: {term['field'][:80]}")
        spelled = re.sub(r"\\(.)", r"\1", term["value"])
        found.append(Term(term["field"], spelled, term["operator"] == "!="))
    return tuple(found)


def named(terms: tuple[Term, ...]) -> str:
    """The one name that is asked for, "" when there is none."""
    return next((each.value for each in terms if each.field == "metadata.name" and not each.negated), "")


def _is_known(field: str, kind: str, group: str) -> bool:
    foreign = "." in group and not group.endswith(".k8s.io")
    return field in _EVERY or field in _KNOWN.get(kind, ()) or foreign


def _read(one: JsonObject, field: str) -> str:
    if field == "status.podIPs":
        return text(next(iter(listed(one, "status", "podIPs")), {}), "ip")
    if field == "source":
        return text(one, "source", "component") or text(one, "reportingComponent")
    if field == "status.successful":
        return written(value(one, "status", "succeeded") or 0)
    found: Json = value(one, *field.split("."))
    return _WRITTEN_DEFAULTS.get(field, "") if found is None else written(found)
