"""Whether the copies that the engine keeps of the history agree with it: `changes` (time first) and `objects` (lives).

Views fill both from every insert, so a row that is in one table and not in the other was lost or taken away: the newest
version of a life would not be missed by walking its chain, and a change would not be missed in a list of changes.
Compared are numbers and checksums, not rows: what is in flight is left out by age, what still differs is looked at
twice.
"""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from query.scope import where
from schema.objects import kind_id

if TYPE_CHECKING:
    from schema.canonical import Json
    from schema.store import Row, Store

Params = dict[str, object]

_LIVES = """
SELECT cluster, resource, `group`, namespace, name, uid, known.1 AS epoch, known.2 AS seq, known.3 AS rv,
       found.1 AS found_epoch, found.2 AS found_seq
FROM (
    SELECT cluster, resource, `group`, namespace, name, uid, (last.epoch, last.seq, last.rv) AS known
    FROM objects FINAL {where}
) AS lives
LEFT JOIN (
    SELECT cluster, resource, `group`, namespace, name, uid, max((epoch, seq)) AS found
    FROM events {where} GROUP BY cluster, resource, `group`, namespace, name, uid
) AS history USING (cluster, resource, `group`, namespace, name, uid)
WHERE (known.1, known.2) > found
ORDER BY cluster, resource, `group`, namespace, name, uid
"""

_CHANGES = """
SELECT cluster, resource, `group`, sumIf(n, copy = 0), sumIf(n, copy = 1)
FROM (
    SELECT 0 AS copy, cluster, resource, `group`, count() AS n, sum(cityHash64(ts, uid, epoch, rv, op)) AS checksum
    FROM events FINAL {where} GROUP BY cluster, resource, `group`
    UNION ALL
    SELECT 1, cluster, resource, `group`, count(), sum(cityHash64(ts, uid, epoch, rv, op))
    FROM changes FINAL {where} GROUP BY cluster, resource, `group`
)
GROUP BY cluster, resource, `group`
HAVING sumIf(checksum, copy = 0) != sumIf(checksum, copy = 1)
ORDER BY cluster, resource, `group`
"""

_SETTLED = ["origin != 'checkpoint'", "observed_at < now64(6, 'UTC') - INTERVAL 1 MINUTE"]


def differences(store: "Store", conditions: Sequence[str], params: Params) -> "Iterator[dict[str, Json]]":
    """What is wrong, in the shape of the failures of `kubelapse.verify`. `conditions`: what part to look at."""
    for row in _standing(store, _LIVES.replace("{where}", where(conditions)), params):
        cluster, resource, group, namespace, name, uid, epoch, seq, rv, *_ = row
        place = {"cluster": cluster, "kind": kind_id(resource, group), "namespace": namespace, "name": name}
        version = {"uid": uid, "epoch": epoch, "seq": seq, "rv": rv}
        yield {**place, **version, "problem": "the newest version is known and not in the history"}
    for row in _standing(store, _CHANGES.replace("{where}", where([*conditions, *_SETTLED])), params):
        cluster, resource, group, told, listed = row
        place = {"cluster": cluster, "kind": kind_id(resource, group), "namespace": "", "name": ""}
        yield {**place, "problem": f"the list of changes has other rows than the history ({listed} and {told})"}


def _standing(store: "Store", sql: str, params: Params) -> "list[Row]":
    """Rows that are found twice: between an insert into the history and its copies lie moments."""
    first = store.rows(sql, params)
    if not first:
        return []
    again = set(store.rows(sql, params))
    return [row for row in first if row in again]
