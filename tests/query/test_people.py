"""Who made a change: the sort of writer, the request behind it, and who it may have been where nobody is known."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import orjson
import pytest
from msgspec import Raw
from prometheus_client import CollectorRegistry

from query import audit, people
from query.app import create_app
from query.changes import Ask, changes
from query.errors import BadReference
from query.models import Change
from query.scope import ChangeFilter, Scope
from query.settings import QuerySettings
from schema.chdb import ChdbStore
from tests.fakes.history import History, at


def request(
    verb: str, uid: str, rv: str = "", *, user: str = "jane@example.org", base: str = "",
    level: str = "RequestResponse", second: float = 20, code: int = 200, uri: str = "/api/v1/configmaps/a",
    number: int = 0, **more: Any,
) -> dict[str, Any]:  # fmt: skip
    """An audit event as kube-apiserver 1.35 writes it; the body stands in for anything that must not be kept."""
    whole = level == "RequestResponse"
    ref = {"resource": "configmaps", "namespace": "shop", "name": "a", "apiVersion": "v1"}
    if verb == "update":
        ref |= {"uid": uid, "resourceVersion": base}
    status: dict[str, Any] = {"metadata": {}, "code": code}
    answer: Any = {"kind": "ConfigMap", "metadata": {"uid": uid, "resourceVersion": rv}, "data": {"x": "body"}}
    if verb == "delete":
        status |= {"status": "Success", "details": {"name": "a", "kind": "configmaps", "uid": uid}}
        answer = {"kind": "Status", "metadata": {}, "details": status["details"]}
    moment = at(second).isoformat().replace("+00:00", "Z")
    found = {
        "kind": "Event", "apiVersion": "audit.k8s.io/v1", "level": level, "auditID": f"{uid}-{rv}-{verb}-{number}",
        "stage": "ResponseComplete", "requestURI": uri, "verb": verb,
        "user": {"username": user, "groups": ["dev", "system:authenticated"]}, "sourceIPs": ["10.0.0.7"],
        "userAgent": "kubectl/v1.35.4 (linux/amd64)", "objectRef": ref, "responseStatus": status,
        "requestReceivedTimestamp": moment, "stageTimestamp": moment, "annotations": {},
    }  # fmt: skip
    if whole:
        found |= {"requestObject": {"data": {"x": "body"}}, "responseObject": answer}
    return found | more


def taken(store: ChdbStore, history: History, *events: dict[str, Any]) -> tuple[int, int]:
    body = {"kind": "EventList", "apiVersion": "audit.k8s.io/v1", "metadata": {}, "items": list(events)}
    answer = audit.take(store, orjson.dumps(body), history.cluster)
    return answer.received, answer.kept


def introduced(store: ChdbStore, history: History, *, audited: bool = True) -> list[Change]:
    chosen = ChangeFilter(scope=Scope(clusters=(history.cluster,)))
    page = changes(store, Ask(filter=chosen, after=at(0), until=at(9999)))
    people.introduce(store, page.items, audited=audited)
    return page.items


def two_writes_and_a_delete(store: ChdbStore, history: History) -> tuple[str, list[str]]:
    """(uid, resourceVersions)."""
    events = [history.put("configmaps", "shop/a", {"data": {"x": "1"}}, at=10, by="helm")]
    events.append(history.put("configmaps", "shop/a", {"data": {"x": "2"}}, at=20, by="kubectl-edit"))
    events.append(history.delete("configmaps", "shop/a", at=30))
    history.store(store)
    return events[0].uid, [each.rv for each in events]


def test_a_write_is_joined_by_uid_and_resource_version(store: ChdbStore, history: History) -> None:
    uid, rvs = two_writes_and_a_delete(store, history)
    user = "system:serviceaccount:ci:helm"
    sent = [request("create", uid, rvs[0], code=201, user=user, second=10), request("patch", uid, rvs[1])]
    assert taken(store, history, *sent) == (2, 2)
    created, edited, deleted = introduced(store, history)
    assert created.who is not None
    assert created.who.audit is not None
    assert (created.who.sort, created.who.audit.user) == ("gitops", "system:serviceaccount:ci:helm")
    assert edited.who is not None
    assert edited.who.audit is not None
    found = edited.who.audit
    assert (found.user, found.groups, found.source_ips) == (
        "jane@example.org",
        ["dev", "system:authenticated"],
        ["10.0.0.7"],
    )
    assert (found.join, found.confidence, edited.who.sort) == ("resource-version", "high", "human")
    assert deleted.who is not None
    assert deleted.who.audit is None


def test_a_deletion_is_joined_by_uid_at_level_metadata_too(store: ChdbStore, history: History) -> None:
    uid, _ = two_writes_and_a_delete(store, history)
    later = request("delete", uid, user="system:node:n1", second=31, level="Metadata", number=1)
    assert taken(store, history, later, request("delete", uid, second=30, level="Metadata")) == (2, 2)
    who = introduced(store, history)[2].who
    assert who is not None
    assert who.audit is not None
    assert (who.audit.user, who.audit.join, who.audit.confidence) == ("jane@example.org", "uid", "high")


def test_what_an_update_was_based_on_is_only_likely(store: ChdbStore, history: History) -> None:
    uid, rvs = two_writes_and_a_delete(store, history)
    taken(store, history, request("update", uid, base=rvs[0], level="Metadata"))
    who = introduced(store, history)[1].who
    assert who is not None
    assert who.audit is not None
    assert (who.audit.join, who.audit.confidence) == ("base-version", "medium")


def test_a_write_that_changed_nothing_does_not_take_the_place_of_the_one_that_did(
    store: ChdbStore, history: History
) -> None:
    uid, rvs = two_writes_and_a_delete(store, history)
    idle = request("patch", uid, rvs[1], user="bob", second=25, number=1)
    taken(store, history, idle, request("update", uid, rvs[1], base=rvs[0], second=20))
    who = introduced(store, history)[1].who
    assert who is not None
    assert who.audit is not None
    assert (who.audit.user, who.audit.confidence) == ("jane@example.org", "medium")


def test_only_what_can_be_joined_is_kept_and_no_body_of_it(store: ChdbStore, history: History) -> None:
    left_out = [
        request("patch", "u1", "7", level="Metadata"),
        request("get", "u1", "7"),
        request("patch", "u1", "7", code=409),
        request("patch", "u1", "7", uri="/api/v1/namespaces/shop/configmaps/a?dryRun=All"),
        request("patch", "u1", "7", stage="RequestReceived"),
        {"auditID": 7},
    ]
    assert taken(store, history, *left_out, request("patch", "u1", "7")) == (7, 1)
    (row,) = store.rows("SELECT * FROM audit WHERE cluster = {c:String}", {"c": history.cluster})
    assert "body" not in repr(row)
    assert b"body" not in audit.slim(orjson.dumps(request("patch", "u1", "7")))


def test_who_asked_as_somebody_else_is_named(store: ChdbStore, history: History) -> None:
    uid, rvs = two_writes_and_a_delete(store, history)
    other: Any = {"impersonatedUser": {"username": "robot", "groups": ["bots"]}}
    taken(store, history, request("patch", uid, rvs[1], **other))
    who = introduced(store, history)[1].who
    assert who is not None
    assert who.audit is not None
    assert (who.audit.user, who.audit.impersonator, who.audit.groups) == ("robot", "jane@example.org", ["bots"])


def test_where_nobody_is_known_candidates_are_named_and_nothing_is_claimed(store: ChdbStore, history: History) -> None:
    first = history.put("configmaps", "shop/a", {"data": {"x": "1", "y": "1"}}, at=10, origin="list")
    owner = {"manager": "gitops", "operation": "Apply", "time": "2026-02-28T10:00:00Z"}
    first.managed = Raw(orjson.dumps([{**owner, "fieldsV1": {"f:data": {"f:x": {}, "f:y": {}}}}]))
    history.put("configmaps", "shop/a", {"data": {"x": "2", "y": "1"}}, at=20, by="kubectl-edit")
    history.put("configmaps", "shop/a", {"data": {"y": "1"}}, at=30)
    history.delete("configmaps", "shop/a", at=40)
    history.store(store)
    _, removed, deleted = introduced(store, history, audited=False)
    assert removed.who is not None
    assert (removed.who.sort, removed.who.confidence) == ("unknown", "none")
    assert [(each.manager, each.sort) for each in removed.who.candidates] == [
        ("kubectl-edit", "human"),
        ("gitops", "gitops"),
    ]
    assert deleted.who is not None
    assert [each.manager for each in deleted.who.candidates] == ["kubectl-edit", "gitops"]


@pytest.mark.parametrize("wrong", [b"[]", b"{}", b'{"kind":"EventList","apiVersion":"v1","items":[]}', b"nonsense"])
def test_what_is_no_list_of_audit_events_is_refused(store: ChdbStore, wrong: bytes) -> None:
    with pytest.raises(BadReference):
        audit.take(store, wrong, "lab")


@pytest.fixture
async def api(store: ChdbStore) -> AsyncIterator[httpx.AsyncClient]:
    """A server that takes audit logs, with a token."""
    settings = QuerySettings(audit_log=True, audit_log_token="secret-token")
    app = create_app(store=store, settings=settings, registry=CollectorRegistry(), clock=lambda: at(1000))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://localhost") as client:
        yield client


async def test_the_webhook_takes_audit_events_with_its_token(
    store: ChdbStore, history: History, api: httpx.AsyncClient
) -> None:
    uid, rvs = two_writes_and_a_delete(store, history)
    body = {"kind": "EventList", "apiVersion": "audit.k8s.io/v1", "items": [request("patch", uid, rvs[1])]}
    place = f"/api/v1/audit-log?cluster={history.cluster}"
    assert (await api.post(place, json=body)).status_code == 401
    sent = await api.post(place, json=body, headers={"Authorization": "Bearer secret-token"})
    assert sent.json() == {"received": 1, "kept": 1, "unreadable": 0}
    listed = await api.get("/api/v1/changes", params={"cluster": history.cluster, "from": "2026-03-01T12:00:00Z"})
    assert listed.json()["items"][1]["who"]["audit"]["user"] == "jane@example.org"
    named = f"/api/v1/objects/{history.cluster}/configmaps/shop/a"
    blamed = (await api.get(f"{named}/blame", params={"at": f"rv:{rvs[1]}", "path": "data"})).json()
    assert blamed["audited"][blamed["fields"][0]["event"]]["user"] == "jane@example.org"
    assert (await api.get(f"{named}/history")).json()["items"][1]["who"]["audit"]["verb"] == "patch"
    unknown = await api.post(
        "/api/v1/audit-log?cluster=nowhere", json=body, headers={"Authorization": "Bearer secret-token"}
    )
    assert unknown.status_code == 400


async def test_an_audit_log_is_taken_only_where_a_setting_says_so(store: ChdbStore) -> None:
    app = create_app(store=store, settings=QuerySettings(), registry=CollectorRegistry())
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://localhost") as client:
        refused = await client.post("/api/v1/audit-log", json={})
    assert refused.status_code == 403
    assert "KUBELAPSE_AUDIT_LOG" in refused.json()["hint"]
