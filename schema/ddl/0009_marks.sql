-- What a timeline draws of every change: its class, and how healthy the object was after it. Narrow and time first, so
-- that a million changes are read in a fraction of a second; state and paths of the event are read as the row is
-- inserted and not kept (EPHEMERAL). Filled by the view below, never by hand.
--
--   class  0 status, 1 metadata, 2 create, 3 spec, 4 rollout, 5 delete: the highest that applies
--   state  0 exists (a kind without health), 1 ready, 2 terminating, 3 progressing, 4 failing: the higher the worse;
--          -1 says nothing: a deletion, or a large object whose state was left out
--   note   what a person wants to read beside it: 3/4, CrashLoopBackOff, ProgressDeadlineExceeded
--
-- Conditions and phases: Kubernetes API conventions ("Typical status properties"); kubectl's pod status column for the
-- reasons of containers; "Deployment status" for stalled rollouts; the health of Argo CD's own kinds is taken as it is.
CREATE TABLE IF NOT EXISTS marks {on_cluster}
(
    cluster     LowCardinality(String),
    ts          DateTime64(6, 'UTC') CODEC(Delta, ZSTD(1)),
    resource    LowCardinality(String),
    `group`     LowCardinality(String),
    namespace   LowCardinality(String),
    name        String CODEC(ZSTD(1)),
    uid         String CODEC(ZSTD(1)),
    epoch       UInt64 CODEC(Delta, ZSTD(1)),
    rv_order    UInt64 CODEC(Delta, ZSTD(1)),
    op          LowCardinality(String),

    seq         UInt64 CODEC(Delta, ZSTD(1)),
    origin      LowCardinality(String),
    ts_error    Float64 CODEC(ZSTD(1)),
    observed_at DateTime64(6, 'UTC') CODEC(Delta, ZSTD(1)),
    actor_name  LowCardinality(String),
    noise       LowCardinality(String),
    life        UInt64 DEFAULT cityHash64(toString(cluster), uid) COMMENT 'of the object, as one number',

    paths       Array(String) EPHEMERAL,
    object      String EPHEMERAL,
    o           Tuple(
                    metadata Tuple(generation Int64, deletionTimestamp String,
                                   ownerReferences Array(Tuple(uid String, controller Bool))),
                    spec Tuple(replicas Nullable(Int64), completions Nullable(Int64), suspend Bool, unschedulable Bool),
                    status Tuple(
                        phase String, reason String, observedGeneration Int64,
                        replicas Int64, readyReplicas Int64, updatedReplicas Int64, succeeded Int64,
                        currentRevision String, updateRevision String,
                        desiredNumberScheduled Int64, numberReady Int64, updatedNumberScheduled Int64,
                        health Tuple(status String),
                        conditions Array(Tuple(type String, status String, reason String)),
                        initContainerStatuses Array(Tuple(ready Bool, state Tuple(
                            waiting Tuple(reason String), terminated Tuple(exitCode Int64, reason String)))),
                        containerStatuses Array(Tuple(ready Bool, state Tuple(
                            waiting Tuple(reason String), terminated Tuple(exitCode Int64, reason String))))))
                EPHEMERAL JSONExtract(object, 'Tuple(
                    metadata Tuple(generation Int64, deletionTimestamp String,
                                   ownerReferences Array(Tuple(uid String, controller Bool))),
                    spec Tuple(replicas Nullable(Int64), completions Nullable(Int64), suspend Bool, unschedulable Bool),
                    status Tuple(
                        phase String, reason String, observedGeneration Int64,
                        replicas Int64, readyReplicas Int64, updatedReplicas Int64, succeeded Int64,
                        currentRevision String, updateRevision String,
                        desiredNumberScheduled Int64, numberReady Int64, updatedNumberScheduled Int64,
                        health Tuple(status String),
                        conditions Array(Tuple(type String, status String, reason String)),
                        initContainerStatuses Array(Tuple(ready Bool, state Tuple(
                            waiting Tuple(reason String), terminated Tuple(exitCode Int64, reason String)))),
                        containerStatuses Array(Tuple(ready Bool, state Tuple(
                            waiting Tuple(reason String), terminated Tuple(exitCode Int64, reason String))))))'),
    yes         Array(String) EPHEMERAL arrayMap(c -> c.1, arrayFilter(c -> c.2 = 'True', tupleElement(tupleElement(o, 'status'), 'conditions'))),
    no          Array(String) EPHEMERAL arrayMap(c -> c.1, arrayFilter(c -> c.2 = 'False', tupleElement(tupleElement(o, 'status'), 'conditions'))),
    stuck       Array(String) EPHEMERAL arrayFilter(r -> r != '', arrayMap(
                    c -> multiIf(c.2.1.1 NOT IN ('', 'ContainerCreating', 'PodInitializing'), c.2.1.1,
                                 c.2.2.1 != 0, if(c.2.2.2 = '', 'Error', c.2.2.2), ''),
                    arrayConcat(tupleElement(tupleElement(o, 'status'), 'initContainerStatuses'), tupleElement(tupleElement(o, 'status'), 'containerStatuses')))),
    wanted      Int64 EPHEMERAL if(resource = 'daemonsets', tupleElement(tupleElement(o, 'status'), 'desiredNumberScheduled'),
                                   ifNull(tupleElement(tupleElement(o, 'spec'), 'replicas'), 1)),
    have        Int64 EPHEMERAL if(resource = 'daemonsets', tupleElement(tupleElement(o, 'status'), 'numberReady'), tupleElement(tupleElement(o, 'status'), 'readyReplicas')),
    fresh       Int64 EPHEMERAL multiIf(resource = 'daemonsets', tupleElement(tupleElement(o, 'status'), 'updatedNumberScheduled'),
                                        resource = 'deployments', tupleElement(tupleElement(o, 'status'), 'updatedReplicas'),
                                        tupleElement(tupleElement(o, 'status'), 'currentRevision') = tupleElement(tupleElement(o, 'status'), 'updateRevision'), wanted, 0),
    health      Tuple(Int8, String) EPHEMERAL multiIf(
                    op = 'delete' OR object = '', (-1, ''),
                    tupleElement(tupleElement(o, 'metadata'), 'deletionTimestamp') != '', (2, ''),
                    `group` = '' AND resource = 'pods', multiIf(
                        tupleElement(tupleElement(o, 'status'), 'phase') = 'Succeeded', (1, 'Completed'),
                        tupleElement(tupleElement(o, 'status'), 'phase') = 'Failed', (4, if(tupleElement(tupleElement(o, 'status'), 'reason') = '', ifNull(stuck[1], ''), tupleElement(tupleElement(o, 'status'), 'reason'))),
                        notEmpty(stuck), (4, stuck[1]),
                        arrayExists(c -> c.1 = 'PodScheduled' AND c.2 = 'False' AND c.3 = 'Unschedulable',
                                    tupleElement(tupleElement(o, 'status'), 'conditions')), (4, 'Unschedulable'),
                        (if(has(yes, 'Ready'), 1, 3),
                         concat(toString(countEqual(arrayMap(c -> c.1, tupleElement(tupleElement(o, 'status'), 'containerStatuses')), true)), '/',
                                toString(length(tupleElement(tupleElement(o, 'status'), 'containerStatuses')))))),
                    `group` = 'apps' AND resource IN ('deployments', 'replicasets', 'statefulsets', 'daemonsets'),
                    multiIf(
                        has(no, 'Progressing') OR has(yes, 'ReplicaFailure'),
                        (4, arrayFirst(c -> c.1 = 'Progressing' AND c.2 = 'False'
                                            OR c.1 = 'ReplicaFailure' AND c.2 = 'True', tupleElement(tupleElement(o, 'status'), 'conditions')).3),
                        wanted = 0 AND have = 0, (if(resource = 'replicasets', 0, 1), '0/0'),
                        (multiIf(
                            has(no, 'Available') AND arrayExists(
                                c -> c.1 = 'Progressing' AND c.3 = 'NewReplicaSetAvailable', tupleElement(tupleElement(o, 'status'), 'conditions')), 4,
                            tupleElement(tupleElement(o, 'status'), 'observedGeneration') < tupleElement(tupleElement(o, 'metadata'), 'generation') OR have < wanted
                                OR resource != 'replicasets' AND fresh < wanted, 3, 1),
                         concat(toString(have), '/', toString(wanted)))),
                    `group` = 'batch' AND resource = 'jobs', multiIf(
                        has(yes, 'Failed'), (4, arrayFirst(c -> c.1 = 'Failed', tupleElement(tupleElement(o, 'status'), 'conditions')).3),
                        has(yes, 'Complete'), (1, 'Complete'),
                        tupleElement(tupleElement(o, 'spec'), 'suspend'), (0, 'Suspended'),
                        (3, concat(toString(tupleElement(tupleElement(o, 'status'), 'succeeded')), '/', toString(ifNull(tupleElement(tupleElement(o, 'spec'), 'completions'), 1))))),
                    `group` = '' AND resource = 'nodes', multiIf(
                        NOT has(yes, 'Ready'), (4, 'NotReady'),
                        hasAny(yes, ['MemoryPressure', 'DiskPressure', 'PIDPressure', 'NetworkUnavailable']),
                        (4, arrayFirst(t -> t IN ('MemoryPressure', 'DiskPressure', 'PIDPressure',
                                                  'NetworkUnavailable'), yes)),
                        (1, if(tupleElement(tupleElement(o, 'spec'), 'unschedulable'), 'Cordoned', ''))),
                    tupleElement(tupleElement(tupleElement(o, 'status'), 'health'), 'status') != '', (transform(tupleElement(tupleElement(tupleElement(o, 'status'), 'health'), 'status'),
                        ['Healthy', 'Progressing', 'Suspended', 'Degraded', 'Missing'], [1, 3, 0, 4, 4], 3),
                        if(tupleElement(tupleElement(tupleElement(o, 'status'), 'health'), 'status') = 'Healthy', '', tupleElement(tupleElement(tupleElement(o, 'status'), 'health'), 'status'))),
                    hasAny(yes, ['Failed', 'Stalled', 'Degraded']), (4, arrayFirst(
                        c -> c.1 IN ('Failed', 'Stalled', 'Degraded') AND c.2 = 'True', tupleElement(tupleElement(o, 'status'), 'conditions')).3),
                    hasAny(no, ['Ready', 'Available', 'Healthy', 'Established']), (
                        if(hasAny(yes, ['Progressing', 'Reconciling', 'Issuing'])
                           OR tupleElement(tupleElement(o, 'status'), 'observedGeneration') < tupleElement(tupleElement(o, 'metadata'), 'generation') AND tupleElement(tupleElement(o, 'status'), 'observedGeneration') > 0,
                           3, 4),
                        arrayFirst(c -> c.1 IN ('Ready', 'Available', 'Healthy', 'Established') AND c.2 = 'False',
                                   tupleElement(tupleElement(o, 'status'), 'conditions')).3),
                    arrayExists(c -> c.1 IN ('Ready', 'Available', 'Healthy') AND c.2 = 'Unknown',
                                tupleElement(tupleElement(o, 'status'), 'conditions')), (3, 'Unknown'),
                    hasAny(yes, ['Ready', 'Available', 'Healthy', 'Established']), (1, ''),
                    tupleElement(tupleElement(o, 'status'), 'phase') IN ('Failed', 'Error', 'Lost', 'Degraded'), (4, tupleElement(tupleElement(o, 'status'), 'phase')),
                    tupleElement(tupleElement(o, 'status'), 'phase') IN ('Pending', 'Progressing', 'Provisioning', 'Creating', 'Released'),
                    (3, tupleElement(tupleElement(o, 'status'), 'phase')),
                    tupleElement(tupleElement(o, 'status'), 'phase') IN ('Active', 'Bound', 'Ready', 'Running', 'Available', 'Succeeded', 'Healthy'),
                    (1, ''),
                    (0, '')),

    class       UInt8 DEFAULT multiIf(
                    op = 'add', 2, op = 'delete', 5,
                    resource IN ('deployments', 'statefulsets', 'daemonsets', 'rollouts')
                        AND arrayExists(p -> startsWith(p, 'spec.template'), paths), 4,
                    arrayExists(p -> NOT startsWith(p, 'status') AND NOT startsWith(p, 'metadata'), paths), 3,
                    arrayExists(p -> startsWith(p, 'metadata') AND p != 'metadata.generation', paths), 1, 0),
    state       Int8 DEFAULT health.1,
    note        LowCardinality(String) DEFAULT substringUTF8(health.2, 1, 64),
    owner       String DEFAULT arrayFirst(r -> r.2, tupleElement(tupleElement(o, 'metadata'), 'ownerReferences')).1 CODEC(ZSTD(1))
                COMMENT 'uid of the controller that owns it, else empty'
)
ENGINE = {replacing}
PARTITION BY toYYYYMMDD(ts)
ORDER BY (cluster, ts, resource, `group`, namespace, name, uid, epoch, rv_order, op)
SETTINGS index_granularity = 1024, {dedup_window} = 1000
COMMENT 'Every recorded change as a timeline draws it: class, state after it, owner';

CREATE MATERIALIZED VIEW IF NOT EXISTS marks_feed {on_cluster} TO marks AS
SELECT
    cluster, ts, resource, `group`, namespace, name, uid, epoch, rv_order, op,
    seq, origin, ts_error, observed_at, actor_name, noise, paths, object
FROM events
WHERE origin != 'checkpoint';

-- The last word of each day on each life: the states at any moment are those of the days before it and of the marks of
-- its own day, so they cost as much as there are objects, not as much as they have changed.
CREATE TABLE IF NOT EXISTS states {on_cluster}
(
    cluster   LowCardinality(String),
    day       Date,
    resource  LowCardinality(String),
    `group`   LowCardinality(String),
    namespace LowCardinality(String),
    name      String CODEC(ZSTD(1)),
    uid       String CODEC(ZSTD(1)),
    ts        DateTime64(6, 'UTC') CODEC(Delta, ZSTD(1)) COMMENT 'of the newest mark of the day; it counts',
    state     Int8,
    note      LowCardinality(String),
    owner     String CODEC(ZSTD(1)),
    life      UInt64 DEFAULT cityHash64(toString(cluster), uid)
)
ENGINE = {replacing}(ts)
PARTITION BY toYYYYMM(day)
ORDER BY (cluster, day, resource, `group`, namespace, name, uid)
SETTINGS index_granularity = 1024, {dedup_window} = 1000
COMMENT 'State of each life after its last change of each day';

CREATE MATERIALIZED VIEW IF NOT EXISTS states_feed {on_cluster} TO states AS
SELECT
    cluster, toDate(marks.ts) AS day, resource, `group`, namespace, name, uid, max(marks.ts) AS ts,
    argMax(marks.state, (epoch, seq)) AS state, argMax(marks.note, (epoch, seq)) AS note,
    argMax(marks.owner, (epoch, seq)) AS owner
FROM marks
WHERE marks.state >= 0
GROUP BY cluster, day, resource, `group`, namespace, name, uid;

-- What was recorded before there were marks.
INSERT INTO marks (cluster, ts, resource, `group`, namespace, name, uid, epoch, rv_order, op,
                   seq, origin, ts_error, observed_at, actor_name, noise, paths, object)
SELECT
    cluster, ts, resource, `group`, namespace, name, uid, epoch, rv_order, op,
    seq, origin, ts_error, observed_at, actor_name, noise, paths, object
FROM events
WHERE origin != 'checkpoint';
