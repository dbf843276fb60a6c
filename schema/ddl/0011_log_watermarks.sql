-- What each partition of a log that keeps offsets (Kafka) has said so far: its newest watermark per collector slot, for each
-- set of watched intervals (`life`: hash of every scope and its since). Ingesters share what they know through this table, so
-- that coverage is claimed only up to the slowest partition, whoever reads it.
CREATE TABLE IF NOT EXISTS log_watermarks {on_cluster}
(
    topic       LowCardinality(String),
    log_id      LowCardinality(String),
    cluster     LowCardinality(String),
    cluster_uid LowCardinality(String),
    slot        UInt32,
    life        String,
    partition   UInt32,
    position    UInt64 COMMENT 'offset of the watermark',
    at          DateTime64(6, 'UTC') COMMENT 'when it was written here',
    record      String CODEC(ZSTD(1)) COMMENT 'the watermark as it crossed the log'
)
ENGINE = {replacing}(position)
ORDER BY (topic, log_id, cluster, cluster_uid, slot, life, partition)
TTL toDateTime(at) + INTERVAL 30 DAY
SETTINGS {dedup_window} = 1000
COMMENT 'The newest watermark of each partition of the log. Read with FINAL';
