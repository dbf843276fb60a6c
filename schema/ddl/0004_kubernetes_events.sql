-- Kubernetes Events (kubectl get events): what components say about objects. A light class of its own: no chain of
-- versions, their expiry is not recorded. One row per observed count of one Event; the same count seen again collapses.
CREATE TABLE IF NOT EXISTS k8s_events {on_cluster}
(
    cluster             LowCardinality(String),
    namespace           LowCardinality(String) COMMENT 'of the Event itself',
    involved_kind       LowCardinality(String),
    involved_name       String CODEC(ZSTD(1)),
    involved_uid        String CODEC(ZSTD(1)),
    uid                 String CODEC(ZSTD(1)) COMMENT 'of the Event itself',
    rv_order            UInt64 CODEC(Delta, ZSTD(1)),

    cluster_uid         LowCardinality(String),
    name                String CODEC(ZSTD(1)) COMMENT 'of the Event itself',
    rv                  String CODEC(ZSTD(1)),
    involved_group      LowCardinality(String),
    involved_version    LowCardinality(String),
    involved_namespace  LowCardinality(String),
    involved_field_path LowCardinality(String),
    event_type          LowCardinality(String) COMMENT 'Normal, Warning',
    reason              LowCardinality(String),
    message             String CODEC(ZSTD(1)),
    count               UInt64 CODEC(ZSTD(1)),
    first_seen          Nullable(DateTime64(6, 'UTC')) CODEC(Delta, ZSTD(1)),
    last_seen           Nullable(DateTime64(6, 'UTC')) CODEC(Delta, ZSTD(1)),
    component           LowCardinality(String),
    host                LowCardinality(String),
    observed_at         DateTime64(6, 'UTC') CODEC(Delta, ZSTD(1)),
    ts                  DateTime64(6, 'UTC') CODEC(Delta, ZSTD(1)),
    ts_error            Float64 CODEC(ZSTD(1))
)
ENGINE = {replacing}
PARTITION BY toYYYYMMDD(ts)
ORDER BY (cluster, namespace, involved_kind, involved_name, involved_uid, uid, rv_order)
SETTINGS index_granularity = 1024, {dedup_window} = 1000
COMMENT 'Kubernetes Events, one row per observed count';
