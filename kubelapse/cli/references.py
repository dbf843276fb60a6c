"""From `deploy/web`, `deployments.apps web` or `Deployment/web` to the one object that is meant.

The inventory of the store decides, deleted objects included, so that a gone object can be asked for by its name.
Where a name stands in several namespaces or clusters the command asks which one, instead of guessing.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import quote

import click

from kubelapse.cli.errors import Failure
from kubelapse.cli.session import Session

if TYPE_CHECKING:
    from kubelapse.client import Client
    from schema.canonical import JsonObject


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """One object's place in the API."""

    cluster: str
    kind: str
    namespace: str
    name: str
    uid: str = ""

    @property
    def path(self) -> str:
        """`/objects/{cluster}/{resource.group}/{namespace}/{name}`, `_` for cluster scope."""
        parts = (self.cluster, self.kind, self.namespace or "_", self.name)
        return "/objects/" + "/".join(quote(part, safe="@:") for part in parts)

    def __str__(self) -> str:
        place = f" in namespace {self.namespace}" if self.namespace else ""
        return f"{self.kind}/{self.name}{place}"


def split(words: Sequence[str]) -> tuple[str, str]:
    """(TYPE, NAME) of `TYPE/NAME` or `TYPE NAME`."""
    from query.errors import BadReference
    from query.refs import parse_words

    try:
        pairs = parse_words(words)
    except BadReference as error:
        raise click.UsageError(f"{error} {error.hint}") from None
    if len(pairs) != 1:
        raise click.UsageError(f"expected one object as TYPE/NAME or TYPE NAME, not {' '.join(words)!r}")
    return pairs[0]


async def find(
    session: Session, client: "Client", words: Sequence[str], namespace: str | None, uid: str | None
) -> Found:
    """The object meant. A name that was never seen comes back as it was asked: the answer about it is the server's."""
    kind, name = split(words)
    query = {
        "cluster": session.cluster,
        "namespace": namespace,
        "kind": kind,
        "name": name,
        "deleted": "true",
    }
    items = (await client.get("/objects", query)).get("items")
    candidates = list(dict.fromkeys(_place(item) for item in items if isinstance(item, dict))) if items else []  # type: ignore[union-attr]
    if not candidates:
        return await _unseen(session, client, kind, namespace, name, uid)
    if len(candidates) > 1:
        raise Failure(which(kind, name, candidates))
    one = candidates[0]
    return Found(cluster=one.cluster, kind=one.kind, namespace=one.namespace, name=one.name, uid=uid or "")


def _place(item: "JsonObject") -> Found:
    group = f".{item['group']}" if item.get("group") else ""
    return Found(
        cluster=str(item.get("cluster", "")),
        kind=f"{item.get('resource', '')}{group}",
        namespace=str(item.get("namespace") or ""),
        name=str(item.get("name", "")),
    )


async def _unseen(
    session: Session, client: "Client", kind: str, namespace: str | None, name: str, uid: str | None
) -> Found:
    cluster = session.cluster or await only_cluster(client)
    return Found(
        cluster=cluster, kind=kind, namespace=namespace or await _usual(client, kind), name=name, uid=uid or ""
    )


async def _usual(client: "Client", kind: str) -> str:
    """`default` for a namespaced kind, as kubectl has it."""
    for item in (await client.get("/kinds", {"kind": kind})).get("items") or []:  # type: ignore[union-attr]
        if isinstance(item, dict) and _named(item, kind) and item.get("namespaced") is False:
            return ""
    return "default"


def _named(item: "JsonObject", kind: str) -> bool:
    resource, _, group = kind.lower().partition(".")
    short = item.get("short_names")
    spellings = {str(item.get("resource")), str(item.get("kind")).lower(), str(item.get("singular", ""))}
    return (resource in spellings or resource in (short if isinstance(short, list) else [])) and (
        not group or group == item.get("group")
    )


async def only_cluster(client: "Client") -> str:
    """The recorded cluster, when there is just one."""
    items = (await client.get("/clusters")).get("items") or []
    known = sorted({str(item.get("cluster") or item.get("name")) for item in items if isinstance(item, dict)})  # type: ignore[union-attr]
    if not known:
        raise Failure("nothing has been recorded yet: start with kubelapse up, or look at kubelapse demo")
    if len(known) > 1:
        raise Failure(f"several clusters are recorded ({', '.join(known)}): say which with --cluster")
    return known[0]


def which(kind: str, name: str, candidates: Sequence[Found]) -> str:
    """What has to be said more exactly, where several objects fit."""
    clusters = sorted({one.cluster for one in candidates})
    if len(clusters) > 1:
        return f"{kind}/{name} is recorded in several clusters ({', '.join(clusters)}): say which with --cluster"
    kinds = sorted({one.kind for one in candidates})
    if len(kinds) > 1:
        return f"{kind} can mean {' or '.join(kinds)}: write the type in full"
    names = sorted({one.name for one in candidates})
    if len(names) > 1:
        shown = ", ".join(names[:8]) + (", …" if len(names) > 8 else "")
        return f"{kind}/{name} fits several objects ({shown}): name one"
    spaces = sorted({one.namespace for one in candidates})
    shown = ", ".join(spaces[:8]) + (", …" if len(spaces) > 8 else "")
    return f"{kind}/{name} is known in several namespaces ({shown}): say which with -n"
