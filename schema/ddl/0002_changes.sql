-- The same events in time order, narrow: what a list of changes, a feed and a timeline need, without patch and state.
-- Filled by the view below, never by hand. Checkpoints are the work of retention, not changes, and stay out.
-- The replacing key names the observation again, and the table has its own deduplication window: a repeated insert into
-- `events` is dropped here too.
CREATE TABLE IF NOT EXISTS changes {on_cluster}
(
    cluster           LowCardinality(String),
    ts                DateTime64(6, 'UTC') CODEC(Delta, ZSTD(1)),
    resource          LowCardinality(String),
    `group`           LowCardinality(String),
    namespace         LowCardinality(String),
    name              String CODEC(ZSTD(1)),
    uid               String CODEC(ZSTD(1)),
    epoch             UInt64 CODEC(Delta, ZSTD(1)),
    rv_order          UInt64 CODEC(Delta, ZSTD(1)),
    op                LowCardinality(String),

    cluster_uid       LowCardinality(String),
    version           LowCardinality(String),
    kind              LowCardinality(String),
    rv                String CODEC(ZSTD(1)),
    prev_rv           String CODEC(ZSTD(1)),
    seq               UInt64 CODEC(Delta, ZSTD(1)),
    origin            LowCardinality(String),
    cause             LowCardinality(String),

    ts_error          Float64 CODEC(ZSTD(1)),
    observed_at       DateTime64(6, 'UTC') CODEC(Delta, ZSTD(1)),
    claimed_at        Nullable(DateTime64(6, 'UTC')) CODEC(Delta, ZSTD(1)),

    paths             Array(LowCardinality(String)) CODEC(ZSTD(1)),
    managers          Array(LowCardinality(String)) CODEC(ZSTD(1)),

    actor_name        LowCardinality(String),
    actor_operation   LowCardinality(String),
    actor_subresource LowCardinality(String),
    actor_time        Nullable(DateTime64(6, 'UTC')) CODEC(Delta, ZSTD(1)),
    actor_source      LowCardinality(String),
    actor_confidence  LowCardinality(String),

    noise             LowCardinality(String),
    gap               LowCardinality(String),

    log_order         UInt64 DEFAULT generateSnowflakeID() CODEC(Delta, ZSTD(1))
                      COMMENT 'rises with every inserted row, also when the clock steps back: what a feed resumes from',
    INDEX by_log_order log_order TYPE minmax
)
ENGINE = {replacing}
PARTITION BY toYYYYMMDD(ts)
ORDER BY (cluster, ts, resource, `group`, namespace, name, uid, epoch, rv_order, op)
SETTINGS index_granularity = 1024, {dedup_window} = 1000
COMMENT 'Every recorded change, time first, without patch and state';

CREATE MATERIALIZED VIEW IF NOT EXISTS changes_feed {on_cluster} TO changes AS
SELECT
    cluster, ts, resource, `group`, namespace, name, uid, epoch, rv_order, op,
    cluster_uid, version, kind, rv, prev_rv, seq, origin, cause,
    ts_error, observed_at, claimed_at, paths, managers,
    actor_name, actor_operation, actor_subresource, actor_time, actor_source, actor_confidence,
    noise, gap
FROM events
WHERE origin != 'checkpoint';
