-- Events for people who write SQL: duplicates resolved, and what is not known is NULL, never ''.
CREATE VIEW IF NOT EXISTS history {on_cluster} AS
SELECT
    concat(cluster, ':', cluster_uid, ':', resource, if(`group` = '', '', '.'), `group`, ':', uid, ':',
           toString(epoch), ':', rv, ':', op) AS id,
    cluster, cluster_uid, `group`, version, kind, resource, namespace, name, uid,
    op, origin, epoch, cause, seq, rv, prev_rv,
    ts, ts_error, observed_at, claimed_at, since,
    patch, paths, arrayMap(m -> nullIf(toString(m), ''), managers) AS managers, nullIf(managed, '') AS managed,
    actor_name, actor_operation, actor_subresource, actor_time, actor_source, actor_confidence,
    noise, lower(hex(hash)) AS hash, nullIf(object, '') AS object, nullIf(gap, '') AS gap
FROM events FINAL
COMMENT 'Every event with its state (NULL where it was left out), duplicates resolved';
