-- Where changes are sent on to (webhooks, OpenTelemetry), and how far that has come. Written by the process that sends.
-- Each row is a whole new version, as of user data. Positions are those of `changes.log_order`, so they mean this store.
CREATE TABLE IF NOT EXISTS deliveries {on_cluster}
(
    name      String COMMENT 'of the receiver, as the operator calls it',
    position  UInt64 COMMENT 'everything up to here was taken or put aside',
    ledger    DateTime64(6, 'UTC') COMMENT 'gaps recorded up to here were told',
    gone      Bool COMMENT 'the receiver has said that it wants no more (410)',
    updated   DateTime64(6, 'UTC')
)
ENGINE = {replacing}(updated)
ORDER BY name
SETTINGS {dedup_window} = 1000
COMMENT 'How far receivers are. Read with FINAL';

-- Dead letters: what a receiver would not take. Their content stays where it is, in `events`.
CREATE TABLE IF NOT EXISTS undelivered {on_cluster}
(
    name      String COMMENT 'of the receiver',
    position  UInt64 COMMENT 'of the change; of a gap: where it was told',
    id        String COMMENT 'of the event or gap' CODEC(ZSTD(1)),
    type      LowCardinality(String) COMMENT 'change or gap',
    reason    String COMMENT 'what the receiver answered last' CODEC(ZSTD(1)),
    tries     UInt32,
    at        DateTime64(6, 'UTC') COMMENT 'when it was given up',
    updated   DateTime64(6, 'UTC'),
    deleted   Bool COMMENT 'sent again, and taken'
)
ENGINE = {replacing}(updated)
ORDER BY (name, position, id)
SETTINGS {dedup_window} = 1000
COMMENT 'What receivers would not take. Read with FINAL, without deleted';
