-- What people say about the history: named moments, marks, baselines, saved questions. Written by the answers' side only,
-- each row a whole new version: of the rows that share a key the one with the latest `updated` counts, and one that says
-- `deleted` hides the rest. Small tables, read whole.
CREATE TABLE IF NOT EXISTS pins {on_cluster}
(
    name      String,
    at        DateTime64(6, 'UTC') COMMENT 'the moment',
    text      String CODEC(ZSTD(1)),
    created   DateTime64(6, 'UTC'),
    updated   DateTime64(6, 'UTC'),
    deleted   Bool
)
ENGINE = {replacing}(updated)
ORDER BY name
SETTINGS {dedup_window} = 1000
COMMENT 'Named moments. Read with FINAL, without deleted';

CREATE TABLE IF NOT EXISTS notes {on_cluster}
(
    id        String,
    at        DateTime64(6, 'UTC'),
    text      String CODEC(ZSTD(1)),
    cluster   String COMMENT 'what it is about; empty = everything',
    namespace String,
    resource  String COMMENT 'resource.group',
    name      String,
    created   DateTime64(6, 'UTC'),
    updated   DateTime64(6, 'UTC'),
    deleted   Bool
)
ENGINE = {replacing}(updated)
ORDER BY id
SETTINGS {dedup_window} = 1000
COMMENT 'Marks on the timeline: deploys, CI, observations. Read with FINAL, without deleted';

CREATE TABLE IF NOT EXISTS saved {on_cluster}
(
    name      String,
    query     String CODEC(ZSTD(1)) COMMENT 'JSON: the question as it was asked',
    created   DateTime64(6, 'UTC'),
    updated   DateTime64(6, 'UTC'),
    deleted   Bool
)
ENGINE = {replacing}(updated)
ORDER BY name
SETTINGS {dedup_window} = 1000
COMMENT 'Saved searches. Read with FINAL, without deleted';

-- `content`: a state of things that somebody wants. Values of Secrets are never in it.
CREATE TABLE IF NOT EXISTS baselines {on_cluster}
(
    name      String,
    sort      String COMMENT 'manifests, template, or what stands before the colon: pin, time, cluster, namespace, last-applied',
    content   String CODEC(ZSTD(3)) COMMENT 'JSON: documents, or what stands behind the colon',
    scope     String CODEC(ZSTD(1)) COMMENT 'JSON: cluster, namespace, kind, name, selector',
    source    String CODEC(ZSTD(1)) COMMENT 'where the documents came from, for people',
    created   DateTime64(6, 'UTC'),
    updated   DateTime64(6, 'UTC'),
    deleted   Bool
)
ENGINE = {replacing}(updated)
ORDER BY name
SETTINGS {dedup_window} = 1000
COMMENT 'Stored baselines. Read with FINAL, without deleted';

-- Drift of stored baselines as a timeline of its own: one row per place and drift, written again when it ends.
CREATE TABLE IF NOT EXISTS drift_results {on_cluster}
(
    baseline   LowCardinality(String),
    cluster    LowCardinality(String),
    resource   LowCardinality(String),
    `group`    LowCardinality(String),
    namespace  LowCardinality(String),
    name       String CODEC(ZSTD(1)),
    path       String CODEC(ZSTD(1)) COMMENT 'empty: the whole object',
    begun      DateTime64(6, 'UTC') COMMENT 'the onset, or when it was first seen where that is not known',

    op         LowCardinality(String) COMMENT 'changed, added, removed, missing, extra',
    expected   String CODEC(ZSTD(1)) COMMENT 'JSON',
    actual     String CODEC(ZSTD(1)) COMMENT 'JSON',
    manager    String COMMENT 'who is known for the onset; empty = nobody',
    confidence LowCardinality(String),
    event      String CODEC(ZSTD(1)),
    ended      Nullable(DateTime64(6, 'UTC')) COMMENT 'NULL: it lasts',
    flaps      UInt32,
    updated    DateTime64(6, 'UTC')
)
ENGINE = {replacing}(updated)
ORDER BY (baseline, cluster, resource, `group`, namespace, name, path, begun)
SETTINGS {dedup_window} = 1000
COMMENT 'When what drifted from which stored baseline. Read with FINAL';
