"""`kubelapse audit`: is what is recorded what the cluster has now? Exit code 1 when it is not."""

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from kubelapse import settings as known
from kubelapse.cli.errors import Failure
from kubelapse.cli.fields import objects
from kubelapse.cli.options import reading, setting_flags, setting_options
from kubelapse.cli.session import Session
from kubelapse.cli.text import csv_text, json_text, table

if TYPE_CHECKING:
    from collector.cluster import Cluster
    from kubelapse.auditing import Audited, Versions
    from kubelapse.client import Client
    from schema.canonical import JsonObject
    from schema.objects import Scope

COLUMNS = ("KIND", "NAMESPACE", "OBJECTS", "MISSING", "OLDER", "GONE", "RESULT")
SHOWN = 10
MOST = 5000


@click.command("audit")
@click.option("--kind", "kinds", metavar="TYPE", multiple=True, help="Only this type (`resource.group`); repeatable.")
@click.option(
    "--pause", type=click.FloatRange(0, 60), default=5.0, show_default=True, metavar="SECONDS",
    help="How long history may take to have what the cluster has, before it counts as a difference.",
)  # fmt: skip
@setting_options(known.CONTEXT, known.KUBECONFIG)
@reading(formats=("table", "json", "csv"))
async def audit(session: Session, kinds: tuple[str, ...], pause: float, **given: object) -> None:
    """Compare what is recorded with what the cluster has now: every object of every recorded kind, by its version.

    The cluster is asked with your own kubeconfig, for metadata only. MISSING: objects that history does not know as
    living; OLDER: known at an older version; GONE: known as living, but not there any more. Differences are looked at
    twice, so that changes in flight do not count. Exit codes: 0 the same, 1 differences.
    """
    settings = known.load(setting_flags(given), session.around.environ)
    async with session.client() as client:
        from kubelapse.access import reach

        reached = await reach(settings)
        try:
            found = await _audit(session, client, reached.api, kinds, pause)
        finally:
            await reached.api.close()
    _print(session, found)


async def _audit(
    session: Session, client: "Client", cluster: "Cluster", kinds: Sequence[str], pause: float
) -> "list[Audited]":
    from kubelapse import auditing

    name = await _named(session, client, await cluster.uid())
    watched = {kind: places for kind, places in (await _watched(client, name)).items() if not kinds or kind in kinds}
    if unknown := sorted(set(kinds) - watched.keys()):
        raise Failure(f"{', '.join(unknown)} is not recorded: `kubelapse coverage` lists what is")
    scopes = auditing.scopes_of((await cluster.discover()).kinds, watched)

    async def history(scope: "Scope") -> "Versions":
        return await _living(client, name, scope)

    return await auditing.audit(cluster, history, scopes, pause=pause)


async def _named(session: Session, client: "Client", uid: str) -> str:
    """The recorded cluster of this uid, which the kubeconfig leads to."""
    recorded = objects((await client.get("/clusters")).get("items"))
    asked = [one for one in recorded if session.cluster in ("", one.get("cluster"))]
    fitting = [one for one in asked if isinstance(uids := one.get("uids"), list) and uid in uids]
    if not fitting:
        names = ", ".join(str(one.get("cluster")) for one in asked) or "no cluster"
        raise Failure(
            f"your kubeconfig leads to the cluster with uid {uid}, and {names} is recorded from another one:"
            " choose with --context"
        )
    return str(fitting[0].get("cluster"))


async def _watched(client: "Client", name: str) -> dict[str, list[str]]:
    """Recorded kinds but Kubernetes Events, which have no newest version; with their namespaces, none = all."""
    from schema.objects import KUBE_EVENTS, kind_id

    items = objects((await client.get("/kinds", {"cluster": name})).get("items"))
    ids = {kind_id(str(one.get("resource")), str(one.get("group"))): one for one in items}
    watched = {
        each: set[str]() for each, one in ids.items() if one.get("watching") == "yes" and each not in KUBE_EVENTS
    }
    for one in objects((await client.get("/coverage", {"cluster": name})).get("watched")):
        if (kind := str(one.get("resource"))) in watched:
            watched[kind].add(str(one.get("namespace") or ""))
    return {kind: [] if "" in places else sorted(places) for kind, places in watched.items()}


async def _living(client: "Client", name: str, scope: "Scope") -> "Versions":
    found: dict[str, str] = {}
    cursor = ""
    while True:
        query: dict[str, str | int] = {
            "cluster": name,
            "kind": scope.kind,
            "namespace": scope.namespace,
            "limit": MOST,
            "cursor": cursor,
        }
        answer = await client.get("/objects", query)
        found |= {str(one.get("uid")): str(one.get("rv")) for one in objects(answer.get("items"))}
        if not (cursor := str(answer.get("next") or "")):
            return found


def _print(session: Session, found: "list[Audited]") -> None:
    answer = [_row(one) for one in found]
    differing = sum(len(one.differences) for one in found)
    if session.style.output == "json":
        session.out(json_text({"same": not differing, "kinds": answer}) + "\n")
    else:
        keys = [column.lower() for column in COLUMNS]
        rows = [tuple(str(one[key]) for key in keys) for one in answer]
        render = csv_text if session.style.output == "csv" else table
        session.out(render(COLUMNS, rows, headers=session.style.headers))
    session.doubt([f"{one.scope} could not be compared: {one.why}" for one in found if one.why])
    for one in found:
        _name(session, one)
    objects_seen = sum(one.objects for one in found)
    session.note(f"{objects_seen} objects of {len(found)} kinds compared, {differing} differ")
    if differing:
        session.exit_code = 1


def _name(session: Session, one: "Audited") -> None:
    for each in one.differences[:SHOWN]:
        cluster, history = each.cluster or "not there", each.history or "not known as living"
        session.note(f"{one.scope} {each.uid}: in the cluster {cluster}, in history {history}")
    if len(one.differences) > SHOWN:
        session.note(f"{one.scope}: and {len(one.differences) - SHOWN} more")


def _row(one: "Audited") -> "JsonObject":
    counts = Counter("gone" if not each.cluster else "older" if each.history else "missing" for each in one.differences)
    return {
        "kind": one.scope.kind, "namespace": one.scope.namespace or "(all)", "objects": one.objects,
        "missing": counts["missing"], "older": counts["older"], "gone": counts["gone"],
        "result": "not compared" if one.why else "differs" if one.differences else "same",
    }  # fmt: skip
