-- One row per life of an object: since when we know it, its newest version, and whether it has ended. Inventory at any
-- moment, name completion and "deleted at" read this instead of the history. Read it with FINAL.
-- `oldest` and `newest` begin with (epoch, seq), so that min and max find the first and the last version in the only
-- order that one object has, whatever order the inserts came in; repeating an insert changes nothing.
-- They are read through the columns below them: the engine does not merge `newest.op`, a part of a stored tuple that is
-- read alone, but takes it from any row; `last.op` and `op` are taken from the whole tuple after merging.
CREATE TABLE IF NOT EXISTS objects {on_cluster}
(
    cluster      LowCardinality(String),
    resource     LowCardinality(String),
    `group`      LowCardinality(String),
    namespace    LowCardinality(String),
    name         String CODEC(ZSTD(1)),
    uid          String CODEC(ZSTD(1)),

    cluster_uid  SimpleAggregateFunction(anyLast, String) CODEC(ZSTD(1)),
    oldest       SimpleAggregateFunction(min, Tuple(
                     epoch UInt64, seq UInt64, ts DateTime64(6, 'UTC'), ts_error Float64, origin String)) CODEC(ZSTD(1)),
    newest       SimpleAggregateFunction(max, Tuple(
                     epoch UInt64, seq UInt64, ts DateTime64(6, 'UTC'), ts_error Float64, origin String,
                     op String, rv String, rv_order UInt64, version String, kind String)) CODEC(ZSTD(1)),

    first        Tuple(
                     epoch UInt64, seq UInt64, ts DateTime64(6, 'UTC'), ts_error Float64, origin String
                 ) ALIAS oldest COMMENT 'the first version; origin list = it existed before we looked',
    last         Tuple(
                     epoch UInt64, seq UInt64, ts DateTime64(6, 'UTC'), ts_error Float64, origin String,
                     op String, rv String, rv_order UInt64, version String, kind String
                 ) ALIAS newest COMMENT 'the newest version',
    first_ts     DateTime64(6, 'UTC') ALIAS tupleElement(oldest, 'ts'),
    first_origin String ALIAS tupleElement(oldest, 'origin'),
    ts           DateTime64(6, 'UTC') ALIAS tupleElement(newest, 'ts'),
    ts_error     Float64 ALIAS tupleElement(newest, 'ts_error'),
    epoch        UInt64 ALIAS tupleElement(newest, 'epoch'),
    seq          UInt64 ALIAS tupleElement(newest, 'seq'),
    origin       String ALIAS tupleElement(newest, 'origin'),
    op           String ALIAS tupleElement(newest, 'op'),
    rv           String ALIAS tupleElement(newest, 'rv'),
    rv_order     UInt64 ALIAS tupleElement(newest, 'rv_order'),
    version      String ALIAS tupleElement(newest, 'version'),
    kind         String ALIAS tupleElement(newest, 'kind'),
    deleted      Bool ALIAS tupleElement(newest, 'op') = 'delete',
    deleted_at   Nullable(DateTime64(6, 'UTC'))
                 ALIAS if(tupleElement(newest, 'op') = 'delete', tupleElement(newest, 'ts'), NULL)
)
ENGINE = {aggregating}
ORDER BY (cluster, resource, `group`, namespace, name, uid)
SETTINGS index_granularity = 1024, {dedup_window} = 1000
COMMENT 'One row per life of an object: first and newest version. Read with FINAL';

CREATE MATERIALIZED VIEW IF NOT EXISTS objects_feed {on_cluster} TO objects AS
SELECT
    cluster, resource, `group`, namespace, name, uid,
    anyLast(toString(events.cluster_uid)) AS cluster_uid,
    min((epoch, seq, ts, ts_error, toString(origin))) AS oldest,
    max((epoch, seq, ts, ts_error, toString(origin),
         toString(op), rv, rv_order, toString(version), toString(kind))) AS newest
FROM events
WHERE origin != 'checkpoint'
GROUP BY cluster, resource, `group`, namespace, name, uid;
