-- The history itself: one row per observation of one object, with the patch that led to it and the state after it.
--
-- The key is the identity of an observation and holds no clock: what is seen twice (a replay after a crash) collapses.
-- Object first, because nearly every question names an object, and because neighbouring versions of one object compress
-- to almost nothing: state on every row costs about twice the bytes of patches alone and saves all folding of patches.
-- A row that carries no state ('' in `object`) belongs to a large object; the reader folds patches from an earlier row.
--
-- One part per day: retention drops whole days. Small granules (1024 rows): a question for one object reads few rows.
-- fsync on insert: after a power cut the checkpoint must not be ahead of the history.
CREATE TABLE IF NOT EXISTS events {on_cluster}
(
    cluster           LowCardinality(String),
    namespace         LowCardinality(String) COMMENT 'empty for cluster-scoped kinds',
    resource          LowCardinality(String) COMMENT 'plural name, as in a URL: deployments',
    `group`           LowCardinality(String) COMMENT 'API group, empty for the core group',
    name              String CODEC(ZSTD(1)),
    uid               String CODEC(ZSTD(1)) COMMENT 'one life of the object; a new life under the same name has another',
    epoch             UInt64 CODEC(Delta, ZSTD(1)) COMMENT 'when this chain of versions was opened, ms since 1970',
    rv_order          UInt64 CODEC(Delta, ZSTD(1)) COMMENT 'resourceVersion as a number; seq where it is none',
    op                LowCardinality(String) COMMENT 'add, update, delete',

    cluster_uid       LowCardinality(String),
    version           LowCardinality(String),
    kind              LowCardinality(String),
    rv                String CODEC(ZSTD(1)),
    prev_rv           String CODEC(ZSTD(1)),
    seq               UInt64 CODEC(Delta, ZSTD(1)) COMMENT '1, 2, 3 ... without a hole per uid and epoch',
    origin            LowCardinality(String) COMMENT 'watch, list, healed, relist, audit, checkpoint, inferred',
    cause             LowCardinality(String) COMMENT 'why this epoch was opened',

    ts                DateTime64(6, 'UTC') CODEC(Delta, ZSTD(1)) COMMENT 'when it happened: what every question means by time',
    ts_error          Float64 CODEC(ZSTD(1)) COMMENT 'how wrong ts can be, in seconds; 0 when read live',
    observed_at       DateTime64(6, 'UTC') CODEC(Delta, ZSTD(1)) COMMENT 'when the bytes were read',
    claimed_at        Nullable(DateTime64(6, 'UTC')) CODEC(Delta, ZSTD(1)) COMMENT 'what the server claims',
    since             Nullable(DateTime64(6, 'UTC')) CODEC(Delta, ZSTD(1)) COMMENT 'checkpoints only: the real last change',

    patch             String CODEC(ZSTD(1)) COMMENT 'RFC 6902 with a test before each replace and remove',
    paths             Array(LowCardinality(String)) CODEC(ZSTD(1)) COMMENT 'one readable path per changed place',
    managers          Array(LowCardinality(String)) CODEC(ZSTD(1)) COMMENT 'aligned with paths; empty where nobody is known',
    managed           String CODEC(ZSTD(1)) COMMENT 'managedFields as served, on first sight and relist; else empty',

    actor_name        LowCardinality(String),
    actor_operation   LowCardinality(String),
    actor_subresource LowCardinality(String),
    actor_time        Nullable(DateTime64(6, 'UTC')) CODEC(Delta, ZSTD(1)),
    actor_source      LowCardinality(String) COMMENT 'managedFields, audit, none',
    actor_confidence  LowCardinality(String) COMMENT 'high, medium, low, none',

    noise             LowCardinality(String) COMMENT 'class, when every changed path is machine noise; else empty',
    hash              FixedString(16) COMMENT 'BLAKE2b-128 of the canonical state after the change',
    object            String CODEC(ZSTD(1)) COMMENT 'canonical, redacted state after the change; empty = left out',
    gap               LowCardinality(String) COMMENT 'id of the gap that this event closes, else empty'
)
ENGINE = {replacing}
PARTITION BY toYYYYMMDD(ts)
ORDER BY (cluster, namespace, resource, `group`, name, uid, epoch, rv_order, op)
SETTINGS index_granularity = 1024, {dedup_window} = 1000, fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'Every recorded observation, object first';
