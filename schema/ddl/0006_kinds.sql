-- Discovery over time: what the API server served from `since` on, and whether it was watched. The newest row of a kind
-- at or before T tells how the kind was called and captured at T.
CREATE TABLE IF NOT EXISTS kinds {on_cluster}
(
    cluster     LowCardinality(String),
    resource    LowCardinality(String),
    `group`     LowCardinality(String),
    since       DateTime64(6, 'UTC'),

    cluster_uid LowCardinality(String),
    version     LowCardinality(String),
    kind        LowCardinality(String),
    namespaced  Bool,
    singular    LowCardinality(String),
    short_names Array(String),
    categories  Array(String),
    watching    LowCardinality(String) COMMENT 'yes, off (not by default), excluded, forbidden, unwatchable, gone',
    reason      String
)
ENGINE = {replacing}
ORDER BY (cluster, resource, `group`, since)
SETTINGS {dedup_window} = 1000
COMMENT 'Discovery: kinds, their names, and whether they are watched, over time';
