-- What we know that we know. Four classes of spans per kind and namespace ('' = the whole cluster):
--   watched  from the first complete list on, every change up to to_t is in `events`; to_t moves while the watch lives
--   gap      between from_t and to_t versions, short lives and actors may be missing
--   late     what happened in this span was read after it: nothing is missing, times are estimates
--   clock    the collector's clock jumped by `step` seconds at from_t
-- and two kinds of marks: start and stop, when a collector began and ended on purpose.
-- Of the rows that share a key the one written last counts, so an interval grows by being written again.
CREATE TABLE IF NOT EXISTS coverage {on_cluster}
(
    cluster     LowCardinality(String),
    resource    LowCardinality(String),
    `group`     LowCardinality(String),
    namespace   LowCardinality(String),
    class       LowCardinality(String) COMMENT 'watched, gap, late, clock, start, stop',
    from_t      DateTime64(6, 'UTC') CODEC(Delta, ZSTD(1)),
    id          String CODEC(ZSTD(1)) COMMENT 'of a gap or late span; empty for watched',

    cluster_uid LowCardinality(String),
    to_t        DateTime64(6, 'UTC') CODEC(Delta, ZSTD(1)),
    confirmed   Nullable(DateTime64(6, 'UTC')) CODEC(Delta, ZSTD(1)) COMMENT 'watched: last byte really received',
    from_rv     String CODEC(ZSTD(1)),
    to_rv       String CODEC(ZSTD(1)),
    reason      String CODEC(ZSTD(1)),
    events      UInt64 CODEC(ZSTD(1)) COMMENT 'late: how many events were dated',
    step        Float64 CODEC(ZSTD(1)) COMMENT 'clock: seconds jumped',
    slot        UInt32 CODEC(ZSTD(1)) COMMENT 'watched: which collector slot',
    updated     DateTime64(6, 'UTC') CODEC(Delta, ZSTD(1))
)
ENGINE = {replacing}(updated)
ORDER BY (cluster, resource, `group`, namespace, class, from_t, id)
SETTINGS {dedup_window} = 1000
COMMENT 'Watched intervals, gaps, late spans and clock steps. Read with FINAL';
