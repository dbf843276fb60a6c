-- Patch and hash stand beside the change too, so that a list of changes reads one table. In `events` the rows of a list
-- lie far apart, and for each of them a block of other objects' patches is unpacked.
-- '' in `patch` means: read it from `events`. So it is for every row from before this migration, for large patches, and
-- where the event carries managedFields, which stay there (a patch itself is never '': no change is '[]').
-- The rows that are there are left as they are: writing them again would give them new places in the feed.
ALTER TABLE changes {on_cluster}
    ADD COLUMN IF NOT EXISTS patch String CODEC(ZSTD(1)) COMMENT 'as in events; empty = only there',
    ADD COLUMN IF NOT EXISTS hash FixedString(16) CODEC(NONE) COMMENT 'as in events; meaningless where patch is empty';

ALTER TABLE changes_feed {on_cluster} MODIFY QUERY
SELECT
    cluster, ts, resource, `group`, namespace, name, uid, epoch, rv_order, op,
    cluster_uid, version, kind, rv, prev_rv, seq, origin, cause,
    ts_error, observed_at, claimed_at, paths, managers,
    actor_name, actor_operation, actor_subresource, actor_time, actor_source, actor_confidence,
    noise, gap,
    if(length(events.patch) <= 4096 AND managed = '', events.patch, '') AS patch, hash
FROM events
WHERE origin != 'checkpoint';
