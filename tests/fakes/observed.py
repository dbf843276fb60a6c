"""What the collector makes of a canary: found by a list, changed to something harmless and back, deleted."""

from collector.tracker import Tracker
from schema.canonical import JsonObject
from schema.events import Record
from schema.objects import Kind
from tests.fakes.canaries import Canary
from tests.fakes.served import CONFIG_MAPS, NOON, PODS, SECRETS, at, entry, line, served, tracker

KINDS = {
    "secrets": SECRETS,
    "configmaps": CONFIG_MAPS,
    "pods": PODS,
    "deployments": Kind(group="apps", version="v1", resource="deployments", kind="Deployment", namespaced=True),
    "serviceaccounts": Kind(group="", version="v1", resource="serviceaccounts", kind="ServiceAccount", namespaced=True),
}


def observed(canary: Canary) -> tuple[list[Record], Tracker]:
    """Four changes, and the tracker that remembers."""
    kind, body = KINDS[canary.resource], dict(canary.body)
    metadata = body.pop("metadata", {})
    assert isinstance(metadata, dict)
    found = tracker(kind)
    found.restore([], None)
    plain: JsonObject = {"data": {"a": "b"}} if canary.resource in ("secrets", "configmaps") else {}
    owned = [entry("kubectl", {"f:data": {".": {}}})]

    def one(rv: int, of: JsonObject, *, marked: bool = True) -> bytes:
        return served(
            rv,
            of,
            name=canary.name,
            uid=f"u-{canary.name}",
            kind=kind,
            metadata=metadata if marked else None,
            managed=owned if rv == 7 else (),
        )

    records = found.replace([one(7, body)], rv="100", at=NOON, reason="")
    changes = [one(101, plain, marked=False), one(102, body)]
    records += found.observe([line("MODIFIED", each) for each in changes], at=at(1), not_before=None)
    records += found.observe([line("DELETED", one(103, body))], at=at(2), not_before=None)
    return records, found
