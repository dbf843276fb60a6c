-- One row per life of an object: since when we know it, its newest version, and whether it has ended. Inventory at any
-- moment, name completion and "deleted at" read this instead of the history.
-- `first` and `last` are tuples that begin with (epoch, seq), so that min and max find the oldest and the newest version
-- in the only order that one object has, whatever order the inserts came in; repeating an insert changes nothing.
-- Read it with FINAL; the columns at the end take the tuples apart.
CREATE TABLE IF NOT EXISTS objects {on_cluster}
(
    cluster      LowCardinality(String),
    resource     LowCardinality(String),
    `group`      LowCardinality(String),
    namespace    LowCardinality(String),
    name         String CODEC(ZSTD(1)),
    uid          String CODEC(ZSTD(1)),

    cluster_uid  SimpleAggregateFunction(anyLast, String) CODEC(ZSTD(1)),
    first        SimpleAggregateFunction(min, Tuple(
                     epoch UInt64, seq UInt64, ts DateTime64(6, 'UTC'), ts_error Float64, origin String)) CODEC(ZSTD(1)),
    last         SimpleAggregateFunction(max, Tuple(
                     epoch UInt64, seq UInt64, ts DateTime64(6, 'UTC'), ts_error Float64, origin String,
                     op String, rv String, rv_order UInt64, version String, kind String)) CODEC(ZSTD(1)),

    first_ts     DateTime64(6, 'UTC') ALIAS first.ts COMMENT 'time of the first event of this life',
    first_origin String ALIAS first.origin COMMENT 'list = it existed before we looked',
    ts           DateTime64(6, 'UTC') ALIAS last.ts COMMENT 'time of the newest event',
    ts_error     Float64 ALIAS last.ts_error,
    epoch        UInt64 ALIAS last.epoch,
    seq          UInt64 ALIAS last.seq,
    origin       String ALIAS last.origin,
    op           String ALIAS last.op,
    rv           String ALIAS last.rv,
    rv_order     UInt64 ALIAS last.rv_order,
    version      String ALIAS last.version,
    kind         String ALIAS last.kind,
    deleted      Bool ALIAS last.op = 'delete',
    deleted_at   Nullable(DateTime64(6, 'UTC')) ALIAS if(last.op = 'delete', last.ts, NULL)
)
ENGINE = {aggregating}
ORDER BY (cluster, resource, `group`, namespace, name, uid)
SETTINGS index_granularity = 1024
COMMENT 'One row per life of an object: first and newest version. Read with FINAL';

CREATE MATERIALIZED VIEW IF NOT EXISTS objects_feed {on_cluster} TO objects AS
SELECT
    cluster, resource, `group`, namespace, name, uid,
    anyLast(toString(events.cluster_uid)) AS cluster_uid,
    min((epoch, seq, ts, ts_error, toString(origin))) AS first,
    max((epoch, seq, ts, ts_error, toString(origin), toString(op), rv, rv_order, toString(version), toString(kind))) AS last
FROM events
WHERE origin != 'checkpoint'
GROUP BY cluster, resource, `group`, namespace, name, uid;
