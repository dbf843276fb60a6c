-- Where ingest stands in a log that keeps offsets (Kafka): an intent before each insert names the exact range, done
-- follows after it. An open intent is repeated as exactly that range with the same tokens. Of each state the row that
-- reaches furthest counts. The in-process log needs none of this.
CREATE TABLE IF NOT EXISTS offsets {on_cluster}
(
    topic     LowCardinality(String),
    log_id    LowCardinality(String) COMMENT 'identity of the log: offsets of another log mean nothing to it',
    partition UInt32,
    state     LowCardinality(String) COMMENT 'intent, done',
    first     UInt64,
    last      UInt64,
    at        DateTime64(6, 'UTC')
)
ENGINE = {replacing}(last)
ORDER BY (topic, log_id, partition, state)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'Where ingest stands in a log that keeps offsets';

-- What came out of the log and could not be stored, with its reason. `raw` is empty where it might hold a secret.
CREATE TABLE IF NOT EXISTS dead_letters {on_cluster}
(
    log_id      LowCardinality(String),
    partition   UInt32,
    `offset`    UInt64,
    at          DateTime64(6, 'UTC'),
    reason      String,
    size        UInt64,
    digest      String COMMENT 'BLAKE2b-128 of the message',
    raw         String CODEC(ZSTD(1))
)
ENGINE = {replacing}(at)
ORDER BY (log_id, partition, `offset`)
SETTINGS {dedup_window} = 1000
COMMENT 'Messages that could not be stored, and why';
