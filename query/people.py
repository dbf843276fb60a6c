"""Who made each change of a page: the sort of writer, the request behind it, and candidates where nobody is known.

Two statements at most, whatever the page holds: the audit log's rows of its lives, and, for removals and deletions
without an author, what was written in those lives before. What is unknown stays unknown: a candidate is no author.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from query import audit
from query.actors import classify
from query.audit import Record
from query.models import Change
from query.models_people import Audited, Candidate, Join, Who
from query.owners import Owners
from query.scope import CLUSTER_SCOPE, Scope, where
from schema.lookup import overlap
from schema.paths import Path, parse
from schema.store import Row, Store

LOOKED_UP = 200
"""Changes of a page whose candidates are looked for; the rest say unknown without any."""
CANDIDATES = 8
_VERSIONS = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """A deletion without an author."""

    cluster: str
    namespace: str
    resource: str
    group: str
    name: str
    uid: str
    epoch: int
    seq: int
    ts: datetime
    op: str = "delete"
    paths: Sequence[str] = ()


def suspects(store: Store, ended: Sequence[Ended]) -> list[list[Candidate]]:
    """Of each deletion the managers that had written the object; of the first LOOKED_UP of them."""
    some = ended[:LOOKED_UP]
    before = _lives(store, some) if some else {}
    found = [_candidates(each, before.get((each.cluster, each.uid), ())) for each in some]
    return found + [[] for _ in ended[LOOKED_UP:]]


def introduce(store: Store, items: Sequence[Change], *, audited: bool) -> None:
    """Fill in `who` of each. `audited`: whether an audit log is taken here at all."""
    if not items:
        return
    told = audit.written_by(store, (each.cluster for each in items), (each.uid for each in items)) if audited else {}
    unknown = [each for each in items if not each.actor.name and each.origin != "list"][-LOOKED_UP:]
    before = _lives(store, unknown) if unknown else {}
    among = {id(each) for each in unknown}
    for each in items:
        found = _audited(each, told.get((each.cluster, each.uid), ()))
        sort = classify(each.actor.name, each.actor.operation, each.actor.subresource, found.user if found else "")
        nobody = found is None and id(each) in among
        listed = _candidates(each, before.get((each.cluster, each.uid), ())) if nobody else []
        sure = sort.confidence if each.actor.confidence != "low" or found else "low"
        each.who = Who(
            sort=sort.sort, confidence=sure if sort.sort != "unknown" else "none", audit=found, candidates=listed
        )


def requests(store: Store, event: Change, ids: Sequence[str]) -> dict[str, Audited]:
    """Event id → the request that made it, for changes of one life; by the resourceVersion in the id."""
    told = audit.written_by(store, [event.cluster], [event.uid]).get((event.cluster, event.uid), ())
    found = {}
    for identity in dict.fromkeys(ids):
        rv = identity.rsplit(":", 2)[1]
        made = [each for each in told if each["rv"] and each["rv"] == rv]
        if made:
            found[identity] = _request(made, "resource-version")
    return found


def _audited(change: Change, told: Sequence[Record]) -> Audited | None:
    """The request that made this change, by what joins most surely."""
    if change.op == "delete":
        asked = [each for each in told if str(each["verb"]).startswith("delete")]
        return _request(asked, "uid") if asked else None
    made = [each for each in told if each["rv"] and each["rv"] == change.rv]
    if made:
        return _request(made, "resource-version")
    based = [each for each in told if each["base_rv"] and each["base_rv"] == change.prev_rv]
    return _request(based, "base-version") if based else None


def _request(fitting: Sequence[Record], join: Join) -> Audited:
    first = fitting[0]
    alone = len({each["user"] for each in fitting}) == 1 or join == "uid"
    return Audited(
        user=str(first["user"]),
        groups=_texts(first["groups"]),
        impersonator=str(first["impersonator"]),
        source_ips=_texts(first["source_ips"]),
        user_agent=str(first["user_agent"]),
        verb=str(first["verb"]),
        at=_moment(first["ts"]),
        audit_id=str(first["audit_id"]),
        join=join,
        confidence="high" if alone and join != "base-version" else "medium",
    )


def _texts(value: object) -> list[str]:
    return [str(each) for each in value] if isinstance(value, list | tuple) else []


def _moment(value: object) -> datetime:
    assert isinstance(value, datetime)  # a column of times
    return value


def _lives(store: Store, unknown: Sequence[Change | Ended]) -> dict[tuple[str, str], list[Row]]:
    """(cluster, uid) → (epoch, seq, ts, paths, managers, actor, managedFields) of these lives, newest first."""
    params: dict[str, object] = {
        "names": sorted({each.name for each in unknown}),
        "uids": sorted({each.uid for each in unknown}),
        "until": max(each.ts for each in unknown),
    }
    scope = Scope(
        clusters=tuple(sorted({each.cluster for each in unknown})),
        namespaces=tuple(sorted({each.namespace or CLUSTER_SCOPE for each in unknown})),
        kinds=tuple(sorted({(each.resource, each.group) for each in unknown})),
    )
    conditions = [
        *scope.conditions(params), "name IN {names:Array(String)}", "uid IN {uids:Array(String)}",
        "ts <= {until:DateTime64(6, 'UTC')}", "(managed != '' OR notEmpty(managers) OR actor_name != '')",
    ]  # fmt: skip
    sql = f"""
        SELECT cluster, uid, epoch, seq, ts, paths, managers, actor_name, managed FROM events {where(conditions)}
        ORDER BY cluster, uid, epoch DESC, seq DESC LIMIT {_VERSIONS} BY cluster, uid"""
    found: dict[tuple[str, str], list[Row]] = {}
    for row in store.rows(sql, params):
        found.setdefault((row[0], row[1]), []).append(row[2:])
    return found


def _candidates(change: Change | Ended, rows: Sequence[Row]) -> list[Candidate]:
    """Managers that wrote the changed places before (a deletion: anything), those that wrote last first."""
    wanted = [parse(each) for each in change.paths] if change.op != "delete" else []
    found: dict[str, datetime | None] = {}
    for epoch, seq, ts, paths, managers, actor, managed in rows:
        if (epoch, seq) >= (change.epoch, change.seq):
            continue
        for spelled, manager in zip(paths, managers, strict=False):
            if manager and _asked(spelled, wanted):
                found.setdefault(manager, ts)
        if actor and not wanted:
            found.setdefault(actor, ts)
        if managed:
            for manager, wrote in _owning(managed, wanted):
                found.setdefault(manager, wrote)
    return [
        Candidate(manager=name, sort=classify(name).sort, wrote=wrote)
        for name, wrote in list(found.items())[:CANDIDATES]
    ]


def _asked(spelled: str, wanted: Sequence[Path]) -> bool:
    return not wanted or any(overlap(parse(spelled), each) for each in wanted)


def _owning(managed: str, wanted: Sequence[Path]) -> list[tuple[str, datetime | None]]:
    owners = Owners(managed)
    if not wanted:
        return [(each.manager, each.wrote) for each in owners.all()]
    listed = [owners.of(each) for each in wanted]
    return [(each.manager, each.wrote) for each in listed if each is not None]
