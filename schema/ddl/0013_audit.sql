-- What an API server's audit log told about writes: who asked, from where, with which program. Only what can be joined
-- with a recorded change: by the resourceVersion that the write made (`rv`), by the one that it named as its base
-- (`base_rv`, where the log holds no answers), or by the uid that it deleted. Bodies of requests and answers are not kept.
CREATE TABLE IF NOT EXISTS audit {on_cluster}
(
    cluster      LowCardinality(String),
    uid          String CODEC(ZSTD(1)) COMMENT 'of the object that was written',
    rv           String CODEC(ZSTD(1)) COMMENT 'resourceVersion that the write made; empty = the log does not tell',
    base_rv      String CODEC(ZSTD(1)) COMMENT 'resourceVersion that the request named as its base, else empty',
    audit_id     String CODEC(ZSTD(1)),

    ts           DateTime64(6, 'UTC') CODEC(Delta, ZSTD(1)) COMMENT 'when the answer was complete',
    verb         LowCardinality(String),
    resource     LowCardinality(String),
    `group`      LowCardinality(String),
    subresource  LowCardinality(String),
    namespace    LowCardinality(String),
    name         String CODEC(ZSTD(1)),
    user         String CODEC(ZSTD(1)),
    groups       Array(LowCardinality(String)) CODEC(ZSTD(1)),
    impersonator String CODEC(ZSTD(1)) COMMENT 'who signed in, where the request was made as another user',
    source_ips   Array(String) CODEC(ZSTD(1)),
    user_agent   LowCardinality(String)
)
ENGINE = {replacing}
PARTITION BY toYYYYMMDD(ts)
ORDER BY (cluster, uid, rv, base_rv, audit_id)
SETTINGS index_granularity = 1024, {dedup_window} = 1000
COMMENT 'Who made a write, from the audit log of the API server';
