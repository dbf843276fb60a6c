"""What the schemas of kinds said at a moment, for rules that rest on them (`query.semantics`)."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Final

import msgspec

from query.scope import one_of, where
from schema.kindschema import KindSchema
from schema.objects import kind_id
from schema.store import Store

_decode: Final = msgspec.json.Decoder(KindSchema).decode


def schemas_at(
    store: Store, clusters: Sequence[str], at: datetime, *, kinds: Collection[tuple[str, str]] = ()
) -> dict[str, KindSchema]:
    """The newest known schema of every kind at a moment, else the first one after it; none = no schema was read.

    Of several clusters the one whose schema is the newest counts. `kinds`: only these (resource, group).
    """
    params: dict[str, object] = {"at": at}
    conditions = [one_of("cluster", clusters, params, "cluster")] if clusters else []
    if kinds:
        params["resources"] = sorted({resource for resource, _ in kinds})
        conditions.append("resource IN {resources:Array(String)}")
    sql = f"""
        SELECT resource, `group`,
            argMax(schema, if(since <= {{at:DateTime64(6, 'UTC')}}, toInt64(toUnixTimestamp64Micro(since)),
                -toInt64(toUnixTimestamp64Micro(since))))
        FROM kinds {where([*conditions, "schema != ''"])}
        GROUP BY resource, `group`"""
    return {kind_id(resource, group): _decode(schema) for resource, group, schema in store.rows(sql, params)}
