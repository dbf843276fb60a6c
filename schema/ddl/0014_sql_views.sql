-- The views of ad-hoc SQL (`kubelapse sql`, where they are called without `sql_`: history, changes, states_at(T) ...).
-- Their names and columns are public: duplicates are resolved, and what is not known is NULL or empty as the comment says.
-- `kubelapse sql --schema` prints these comments.

-- Every event with the state after it.
CREATE VIEW IF NOT EXISTS sql_history {on_cluster}
(
    id                String COMMENT 'of the event: cluster:cluster_uid:resource.group:uid:epoch:rv:op',
    cluster           LowCardinality(String) COMMENT 'name of the recorded cluster',
    cluster_uid       LowCardinality(String) COMMENT 'uid of the kube-system namespace: a rebuilt cluster has another',
    `group`           LowCardinality(String) COMMENT 'API group, empty for the core group',
    version           LowCardinality(String) COMMENT 'API version: v1',
    kind              LowCardinality(String) COMMENT 'Deployment',
    resource          LowCardinality(String) COMMENT 'plural name, as in a URL: deployments',
    namespace         LowCardinality(String) COMMENT 'empty for cluster-scoped objects',
    name              String COMMENT 'name of the object',
    uid               String COMMENT 'one life of the object: deleted and recreated, it has another',
    op                LowCardinality(String) COMMENT 'add, update, delete',
    origin            LowCardinality(String) COMMENT 'how it is known: watch (seen as it happened), list (first sight: it existed before), relist, healed, audit, checkpoint',
    epoch             UInt64 COMMENT 'when this chain of versions was opened, ms since 1970',
    cause             LowCardinality(String) COMMENT 'why this epoch was opened',
    seq               UInt64 COMMENT '1, 2, 3 ... per uid and epoch: the order of versions',
    rv                String COMMENT 'resourceVersion after the change',
    prev_rv           String COMMENT 'resourceVersion before it',
    ts                DateTime64(6, 'UTC') COMMENT 'when it happened, UTC',
    ts_error          Float64 COMMENT 'how wrong ts can be, in seconds; 0 = seen as it happened',
    observed_at       DateTime64(6, 'UTC') COMMENT 'when it was read from the API server',
    claimed_at        Nullable(DateTime64(6, 'UTC')) COMMENT 'newest time that the server wrote into the object, NULL where it wrote none',
    since             Nullable(DateTime64(6, 'UTC')) COMMENT 'checkpoints of retention only: the real last change',
    patch             String COMMENT 'JSON: RFC 6902 with a test before each replace and remove; [] for add and delete',
    paths             Array(LowCardinality(String)) COMMENT 'one readable path per changed place: spec.containers[name=web].image',
    managers          Array(Nullable(String)) COMMENT 'for each path who owns the new value, NULL where nobody is known',
    managed           Nullable(String) COMMENT 'JSON: managedFields as served, on first sight; else NULL',
    actor_name        LowCardinality(String) COMMENT 'the best single answer to who did it: a field manager; empty = not known',
    actor_operation   LowCardinality(String) COMMENT 'Apply or Update',
    actor_subresource LowCardinality(String) COMMENT 'status, scale ...',
    actor_time        Nullable(DateTime64(6, 'UTC')) COMMENT 'when that manager says it wrote, NULL where it does not say',
    actor_source      LowCardinality(String) COMMENT 'managedFields, audit, none',
    actor_confidence  LowCardinality(String) COMMENT 'high, medium, low, none',
    noise             LowCardinality(String) COMMENT 'class of machine noise where every changed path is noise, else empty',
    hash              String COMMENT 'BLAKE2b-128 of the canonical state',
    object            Nullable(String) COMMENT 'JSON: the state after the change (delete: the last content); NULL where it was left out of a large object',
    gap               LowCardinality(Nullable(String)) COMMENT 'id of the gap that this event closes, else NULL'
)
AS SELECT
    id, cluster, cluster_uid, `group`, version, kind, resource, namespace, name, uid,
    op, origin, epoch, cause, seq, rv, prev_rv, ts, ts_error, observed_at, claimed_at, since,
    patch, paths, managers, managed,
    actor_name, actor_operation, actor_subresource, actor_time, actor_source, actor_confidence,
    noise, hash, object, gap
FROM history
COMMENT 'every recorded event with the state of the object after it';

-- Every change, narrow: what to begin with.
CREATE VIEW IF NOT EXISTS sql_changes {on_cluster}
(
    id                String COMMENT 'of the event: cluster:cluster_uid:resource.group:uid:epoch:rv:op',
    cluster           LowCardinality(String) COMMENT 'name of the recorded cluster',
    `group`           LowCardinality(String) COMMENT 'API group, empty for the core group',
    version           LowCardinality(String) COMMENT 'API version: v1',
    kind              LowCardinality(String) COMMENT 'Deployment',
    resource          LowCardinality(String) COMMENT 'plural name, as in a URL: deployments',
    namespace         LowCardinality(String) COMMENT 'empty for cluster-scoped objects',
    name              String COMMENT 'name of the object',
    uid               String COMMENT 'one life of the object: deleted and recreated, it has another',
    op                LowCardinality(String) COMMENT 'add, update, delete',
    class             String COMMENT 'the most telling part of it: delete, rollout, spec, create, metadata, status',
    origin            LowCardinality(String) COMMENT 'how it is known: watch (seen as it happened), list (first sight: it existed before), relist, healed, audit, checkpoint',
    epoch             UInt64 COMMENT 'when this chain of versions was opened, ms since 1970',
    seq               UInt64 COMMENT '1, 2, 3 ... per uid and epoch: the order of versions',
    rv                String COMMENT 'resourceVersion after the change',
    prev_rv           String COMMENT 'resourceVersion before it',
    ts                DateTime64(6, 'UTC') COMMENT 'when it happened, UTC',
    ts_error          Float64 COMMENT 'how wrong ts can be, in seconds; 0 = seen as it happened',
    observed_at       DateTime64(6, 'UTC') COMMENT 'when it was read from the API server',
    claimed_at        Nullable(DateTime64(6, 'UTC')) COMMENT 'newest time that the server wrote into the object, NULL where it wrote none',
    paths             Array(LowCardinality(String)) COMMENT 'one readable path per changed place: spec.containers[name=web].image',
    managers          Array(Nullable(String)) COMMENT 'for each path who owns the new value, NULL where nobody is known',
    actor_name        LowCardinality(String) COMMENT 'the best single answer to who did it: a field manager; empty = not known',
    actor_operation   LowCardinality(String) COMMENT 'Apply or Update',
    actor_subresource LowCardinality(String) COMMENT 'status, scale ...',
    actor_time        Nullable(DateTime64(6, 'UTC')) COMMENT 'when that manager says it wrote, NULL where it does not say',
    actor_source      LowCardinality(String) COMMENT 'managedFields, audit, none',
    actor_confidence  LowCardinality(String) COMMENT 'high, medium, low, none',
    noise             LowCardinality(String) COMMENT 'class of machine noise where every changed path is noise, else empty',
    gap               LowCardinality(Nullable(String)) COMMENT 'id of the gap that this event closes, else NULL'
)
AS SELECT
    concat(cluster, ':', cluster_uid, ':', resource, if(`group` = '', '', '.'), `group`, ':', uid, ':',
           toString(epoch), ':', rv, ':', op) AS id,
    cluster, `group`, version, kind, resource, namespace, name, uid,
    op, multiIf(op = 'add', 'create', op = 'delete', 'delete',
            resource IN ('deployments', 'statefulsets', 'daemonsets', 'rollouts')
                AND arrayExists(p -> startsWith(p, 'spec.template'), paths), 'rollout',
            arrayExists(p -> NOT startsWith(p, 'status') AND NOT startsWith(p, 'metadata'), paths), 'spec',
            arrayExists(p -> startsWith(p, 'metadata') AND p != 'metadata.generation', paths), 'metadata', 'status') AS class,
    origin, epoch, seq, rv, prev_rv, ts, ts_error, observed_at, claimed_at,
    paths, arrayMap(m -> nullIf(toString(m), ''), managers) AS managers,
    actor_name, actor_operation, actor_subresource, actor_time, actor_source, actor_confidence,
    noise, nullIf(gap, '') AS gap
FROM changes FINAL
COMMENT 'every recorded change without patch and state: fast over long times';

-- What was there at T: per name the newest version of the youngest life that had not ended.
CREATE VIEW IF NOT EXISTS sql_states_at {on_cluster}
(
    cluster    LowCardinality(String) COMMENT 'name of the recorded cluster',
    `group`    LowCardinality(String) COMMENT 'API group, empty for the core group',
    version    LowCardinality(String) COMMENT 'API version: v1',
    kind       LowCardinality(String) COMMENT 'Deployment',
    resource   LowCardinality(String) COMMENT 'plural name, as in a URL: deployments',
    namespace  LowCardinality(String) COMMENT 'empty for cluster-scoped objects',
    name       String COMMENT 'name of the object',
    uid        String COMMENT 'one life of the object: deleted and recreated, it has another',
    ts         DateTime64(6, 'UTC') COMMENT 'when it became so, UTC',
    ts_error   Float64 COMMENT 'how wrong ts can be, in seconds; 0 = seen as it happened',
    epoch      UInt64 COMMENT 'when this chain of versions was opened, ms since 1970',
    seq        UInt64 COMMENT '1, 2, 3 ... per uid and epoch: the order of versions',
    rv         String COMMENT 'resourceVersion after the change',
    op         LowCardinality(String) COMMENT 'add, update: what made it so',
    origin     LowCardinality(String) COMMENT 'how it is known: watch (seen as it happened), list (first sight: it existed before), relist, healed, audit, checkpoint',
    actor_name LowCardinality(String) COMMENT 'the best single answer to who did it: a field manager; empty = not known',
    hash       String COMMENT 'BLAKE2b-128 of the canonical state',
    object     Nullable(String) COMMENT 'JSON: the state at T; NULL where it was left out of a large object'
)
AS SELECT
    cluster, `group`, version, kind, resource, namespace, name, uid,
    ts, ts_error, epoch, seq, rv, op, origin, actor_name, lower(hex(hash)) AS hash, nullIf(object, '') AS object
FROM events FINAL
WHERE ts <= {T:DateTime64(6, 'UTC')}
  AND (cluster, namespace, resource, `group`, name, uid, epoch, seq) IN (
      SELECT cluster, namespace, resource, `group`, name, uid, newest.1, newest.2
      FROM (
          SELECT
              cluster, namespace, resource, `group`, name, uid,
              max((epoch, seq, op = 'delete')) AS newest, min(events.ts) AS born
          FROM events
          WHERE events.ts <= {T:DateTime64(6, 'UTC')}
          GROUP BY cluster, namespace, resource, `group`, name, uid
      )
      WHERE NOT newest.3
      ORDER BY born DESC, newest DESC
      LIMIT 1 BY cluster, namespace, resource, `group`, name
  )
COMMENT 'states_at(T): every object that was there at the moment T, with its state';

-- One row per life.
CREATE VIEW IF NOT EXISTS sql_objects {on_cluster}
(
    cluster        LowCardinality(String) COMMENT 'name of the recorded cluster',
    `group`        LowCardinality(String) COMMENT 'API group, empty for the core group',
    version        String COMMENT 'API version: v1',
    kind           String COMMENT 'Deployment',
    resource       LowCardinality(String) COMMENT 'plural name, as in a URL: deployments',
    namespace      LowCardinality(String) COMMENT 'empty for cluster-scoped objects',
    name           String COMMENT 'name of the object',
    uid            String COMMENT 'one life of the object: deleted and recreated, it has another',
    first_seen     DateTime64(6, 'UTC') COMMENT 'when it was created, or first seen',
    existed_before UInt8 COMMENT 'it was there when recording began: created before first_seen',
    last_change    DateTime64(6, 'UTC') COMMENT 'when it changed last',
    last_op        String COMMENT 'add, update, delete',
    rv             String COMMENT 'newest resourceVersion',
    seq            UInt64 COMMENT 'of the newest version',
    origin         String COMMENT 'how the newest version is known',
    deleted        Bool COMMENT 'it has ended',
    deleted_at     Nullable(DateTime64(6, 'UTC')) COMMENT 'when, else NULL'
)
AS SELECT
    cluster, `group`, version, kind, resource, namespace, name, uid,
    first_ts AS first_seen, first_origin = 'list' AS existed_before, ts AS last_change, op AS last_op, rv, seq, origin,
    deleted, deleted_at
FROM objects FINAL
COMMENT 'one row per life of an object: when it was first seen, its newest version, whether it has ended';

-- One row per changed place of every update. `paths` and the steps of the patch that are no tests are aligned.
CREATE VIEW IF NOT EXISTS sql_field_changes {on_cluster}
(
    id         String COMMENT 'of the event: cluster:cluster_uid:resource.group:uid:epoch:rv:op',
    cluster    LowCardinality(String) COMMENT 'name of the recorded cluster',
    `group`    LowCardinality(String) COMMENT 'API group, empty for the core group',
    kind       LowCardinality(String) COMMENT 'Deployment',
    resource   LowCardinality(String) COMMENT 'plural name, as in a URL: deployments',
    namespace  LowCardinality(String) COMMENT 'empty for cluster-scoped objects',
    name       String COMMENT 'name of the object',
    uid        String COMMENT 'one life of the object: deleted and recreated, it has another',
    seq        UInt64 COMMENT '1, 2, 3 ... per uid and epoch: the order of versions',
    ts         DateTime64(6, 'UTC') COMMENT 'when it happened, UTC',
    ts_error   Float64 COMMENT 'how wrong ts can be, in seconds; 0 = seen as it happened',
    path       String COMMENT 'readable path of the place: spec.replicas',
    manager    Nullable(String) COMMENT 'who owns the new value, NULL where nobody is known',
    actor_name LowCardinality(String) COMMENT 'the best single answer to who did it: a field manager; empty = not known',
    step       String COMMENT 'add, replace, remove',
    before     Nullable(String) COMMENT 'JSON: the value before, NULL where there was none',
    after      Nullable(String) COMMENT 'JSON: the value after, NULL where there is none',
    noise      LowCardinality(String) COMMENT 'class of machine noise where every changed path is noise, else empty'
)
AS SELECT
    concat(cluster, ':', cluster_uid, ':', resource, if(`group` = '', '', '.'), `group`, ':', uid, ':',
           toString(epoch), ':', rv, ':', op) AS id,
    cluster, `group`, kind, resource, namespace, name, uid, seq, ts, ts_error,
    path, nullIf(toString(manager), '') AS manager, actor_name,
    JSONExtractString(steps[place], 'op') AS step,
    if(place > 1 AND JSONExtractString(steps[place - 1], 'op') = 'test',
       nullIf(JSONExtractRaw(steps[place - 1], 'value'), ''), NULL) AS before,
    nullIf(JSONExtractRaw(steps[place], 'value'), '') AS after,
    noise
FROM (
    SELECT
        cluster, cluster_uid, `group`, kind, resource, namespace, name, uid, epoch, rv, op, seq, ts, ts_error,
        actor_name, noise, JSONExtractArrayRaw(patch) AS steps,
        arrayFilter(i -> JSONExtractString(steps[i], 'op') != 'test', arrayEnumerate(steps)) AS places,
        arrayResize(paths, length(places)) AS those, arrayResize(managers, length(places)) AS theirs
    FROM events FINAL
    WHERE op = 'update' AND origin != 'checkpoint'
)
ARRAY JOIN places AS place, those AS path, theirs AS manager
COMMENT 'one row per changed field of every update, with the value before and after';

-- What components said.
CREATE VIEW IF NOT EXISTS sql_k8s_events {on_cluster}
(
    cluster             LowCardinality(String) COMMENT 'name of the recorded cluster',
    namespace           LowCardinality(String) COMMENT 'of the Event itself',
    name                String COMMENT 'of the Event itself',
    uid                 String COMMENT 'of the Event itself',
    ts                  DateTime64(6, 'UTC') COMMENT 'when it was said, UTC',
    ts_error            Float64 COMMENT 'how wrong ts can be, in seconds; 0 = seen as it happened',
    event_type          LowCardinality(String) COMMENT 'Normal, Warning',
    reason              LowCardinality(String) COMMENT 'BackOff, Scheduled ...',
    message             String COMMENT 'what was said',
    count               UInt64 COMMENT 'how often so far',
    involved_kind       LowCardinality(String) COMMENT 'what it is about: Pod',
    involved_namespace  LowCardinality(String) COMMENT 'where that is',
    involved_name       String COMMENT 'its name',
    involved_uid        String COMMENT 'its uid',
    involved_group      LowCardinality(String) COMMENT 'its API group',
    involved_version    LowCardinality(String) COMMENT 'its API version',
    involved_field_path LowCardinality(String) COMMENT 'the part of it',
    component           LowCardinality(String) COMMENT 'who said it: kubelet',
    host                LowCardinality(String) COMMENT 'on which node',
    first_seen          Nullable(DateTime64(6, 'UTC')) COMMENT 'the first time, NULL where it does not say',
    last_seen           Nullable(DateTime64(6, 'UTC')) COMMENT 'the newest time, NULL where it does not say',
    observed_at         DateTime64(6, 'UTC') COMMENT 'when it was read from the API server',
    rv                  String COMMENT 'resourceVersion of the Event'
)
AS SELECT
    cluster, namespace, name, uid, ts, ts_error, event_type, reason, message, count,
    involved_kind, involved_namespace, involved_name, involved_uid, involved_group, involved_version,
    involved_field_path, component, host, first_seen, last_seen, observed_at, rv
FROM k8s_events FINAL
COMMENT 'Kubernetes Events (kubectl get events), one row per observed count';

-- What is known to be known.
CREATE VIEW IF NOT EXISTS sql_coverage {on_cluster}
(
    cluster   LowCardinality(String) COMMENT 'name of the recorded cluster',
    resource  LowCardinality(String) COMMENT 'plural name, as in a URL: deployments',
    `group`   LowCardinality(String) COMMENT 'API group, empty for the core group',
    namespace LowCardinality(String) COMMENT 'empty = all of them',
    class     LowCardinality(String) COMMENT 'watched (every change is recorded), gap (versions may be missing), late (times are estimates), clock, start, stop',
    from_t    DateTime64(6, 'UTC') COMMENT 'begin, UTC',
    to_t      DateTime64(6, 'UTC') COMMENT 'end, UTC; of watched: so far',
    confirmed Nullable(DateTime64(6, 'UTC')) COMMENT 'watched: last byte really received',
    reason    String COMMENT 'why',
    events    UInt64 COMMENT 'late: how many events were dated',
    step      Float64 COMMENT 'clock: by how many seconds it jumped',
    id        Nullable(String) COMMENT 'of a gap or late span, else NULL'
)
AS SELECT
    cluster, resource, `group`, namespace, class, from_t, to_t, confirmed, reason, events, step, nullIf(id, '') AS id
FROM coverage FINAL
COMMENT 'what was watched, and gaps: an answer that finds nothing is worth as much as this says';

-- What was not as a stored baseline has it.
CREATE VIEW IF NOT EXISTS sql_drift {on_cluster}
(
    baseline   LowCardinality(String) COMMENT 'name of the stored baseline',
    cluster    LowCardinality(String) COMMENT 'name of the recorded cluster',
    resource   LowCardinality(String) COMMENT 'plural name, as in a URL: deployments',
    `group`    LowCardinality(String) COMMENT 'API group, empty for the core group',
    namespace  LowCardinality(String) COMMENT 'empty for cluster-scoped objects',
    name       String COMMENT 'name of the object',
    path       String COMMENT 'readable path; empty = the whole object',
    op         LowCardinality(String) COMMENT 'changed, added, removed, missing, extra',
    expected   String COMMENT 'JSON: what the baseline has',
    actual     String COMMENT 'JSON: what there is',
    begun      DateTime64(6, 'UTC') COMMENT 'since when, UTC',
    ended      Nullable(DateTime64(6, 'UTC')) COMMENT 'until when; NULL = it lasts',
    manager    Nullable(String) COMMENT 'who is known for the onset, NULL where nobody is',
    confidence LowCardinality(String) COMMENT 'high, medium, low, none',
    event      Nullable(String) COMMENT 'id of the event that began it, NULL where none is known',
    flaps      UInt32 COMMENT 'how often it came and went'
)
AS SELECT
    baseline, cluster, resource, `group`, namespace, name, path, op, expected, actual, begun, ended,
    nullIf(manager, '') AS manager, confidence, nullIf(event, '') AS event, flaps
FROM drift_results FINAL
COMMENT 'what differs or differed from which stored baseline, since when (kubelapse baseline)';
