"""The topics of the log in Kafka: names, partitions, message keys, and how each topic must be set up. Pure.

One message is one record of `schema.events`, in the bytes of `schema.codec`. Changes are keyed by object, so that the
versions of one object keep their order, also over delete and recreate. The number of partitions of a topic never
changes (the key of an object would move to another one): a new generation of the topics does.

`changes` is what ingest reads; `state` is compacted and holds what a collector needs to go on (latest version per
object, checkpoint); `dead_letters` holds what could not be stored.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

DEFAULT_PARTITIONS: Final = 6

MIB: Final = 1024 * 1024
DAY_MS: Final = 86_400_000
# An object may have 1.5 MB in etcd; an event carries two states of it at most, and a batch is compressed.
MESSAGE_BYTES: Final = 16 * MIB
# What the broker is told: our largest message with its key, headers and batch around it.
MAX_MESSAGE_BYTES: Final = MESSAGE_BYTES + MIB

PARTITION_HEADER: Final = "original-partition"
OFFSET_HEADER: Final = "original-offset"
LOG_HEADER: Final = "original-log"
REASON_HEADER: Final = "reason"


def message_key(cluster_uid: str, kind: str, namespace: str, name: str) -> bytes:
    """`cluster_uid|resource.group|namespace/name`; `kind` is `resource.group`, no namespace = cluster-wide."""
    return f"{cluster_uid}|{kind}|{namespace}/{name}".encode()


@dataclass(frozen=True, slots=True, kw_only=True)
class TopicSpec:
    """How a topic must be. `settings`: Kafka's topic configuration, all as text."""

    name: str
    partitions: int
    replicas: int
    settings: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class TopicState:
    """How a topic is. `replicas`: of the partition that has fewest; `id`: "" where the broker does not tell it."""

    name: str
    partitions: int
    replicas: int
    settings: Mapping[str, str]
    id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One sentence about a topic that is not as it should be. `fatal`: nothing may be read or written like this."""

    topic: str
    sentence: str
    fatal: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Topics:
    """Names of one generation of the topics."""

    prefix: str = "kubelapse."
    generation: int = 1

    @property
    def changes(self) -> str:
        """Change events and control records: the log."""
        return f"{self.prefix}changes.{self.generation}"

    @property
    def state(self) -> str:
        """Compacted: what a collector needs to go on."""
        return f"{self.prefix}state.{self.generation}"

    @property
    def dead_letters(self) -> str:
        """Messages that could not be stored, as they were."""
        return f"{self.prefix}dead_letters.{self.generation}"

    def wanted(
        self, *, partitions: int = DEFAULT_PARTITIONS, replicas: int = 1, retention_days: int = 7
    ) -> Sequence[TopicSpec]:
        """What `kubelapse migrate` makes. A committed record survives the loss of one replica where there are three."""
        common = {
            "max.message.bytes": str(MAX_MESSAGE_BYTES),
            "min.insync.replicas": str(max(1, replicas - 1)),
            "compression.type": "producer",
            "unclean.leader.election.enable": "false",
        }
        keep = {"cleanup.policy": "delete", "retention.bytes": "-1"}
        compact = {
            "cleanup.policy": "compact",
            # A restart reads the topic to its end: keep it near to one record per object.
            "min.cleanable.dirty.ratio": "0.1",
            "segment.ms": str(DAY_MS // 24),
            "max.compaction.lag.ms": str(DAY_MS // 12),
            "delete.retention.ms": str(DAY_MS),
        }
        return (
            TopicSpec(
                name=self.changes,
                partitions=partitions,
                replicas=replicas,
                settings={**common, **keep, "retention.ms": str(retention_days * DAY_MS)},
            ),
            TopicSpec(name=self.state, partitions=partitions, replicas=replicas, settings={**common, **compact}),
            TopicSpec(
                name=self.dead_letters,
                partitions=1,
                replicas=replicas,
                settings={**common, **keep, "retention.ms": str(30 * DAY_MS)},
            ),
        )


def differences(wanted: TopicSpec, found: TopicState | None) -> list[Difference]:
    """Where a topic is not as it should be, the worst first; nothing when it is."""
    if found is None:
        return [_differs(wanted, "does not exist: make it with kubelapse migrate")]
    if found.partitions == 0:
        return [_differs(wanted, "has no partition that answers: a broker that holds it is away")]
    return sorted([*_shape(wanted, found), *_settings(wanted, found)], key=lambda one: not one.fatal)


def _shape(wanted: TopicSpec, found: TopicState) -> list[Difference]:
    told = []
    if found.partitions != wanted.partitions:
        told.append(
            _differs(
                wanted,
                f"has {found.partitions} partitions, not {wanted.partitions}: set KUBELAPSE_KAFKA_PARTITIONS to what "
                "it has; partitions of a topic in use are never changed, a new generation of topics is made instead",
            )
        )
    least = _number(found.settings.get("min.insync.replicas"), 1)
    if found.replicas < least:
        told.append(
            _differs(
                wanted,
                f"has too few replicas ({found.replicas}) for its min.insync.replicas ({least}): nothing can be "
                "written; add replicas or lower min.insync.replicas",
            )
        )
    elif found.replicas < wanted.replicas:
        told.append(_differs(wanted, f"has {found.replicas} replicas, not {wanted.replicas}: add some", fatal=False))
    return told


def _settings(wanted: TopicSpec, found: TopicState) -> list[Difference]:
    told = []
    policy, has = wanted.settings["cleanup.policy"], found.settings.get("cleanup.policy", "")
    if policy == "compact" and "compact" not in has:
        told.append(_differs(wanted, "is not compacted: set cleanup.policy=compact, or what is remembered is lost"))
    if policy == "delete" and "compact" in has:
        told.append(_differs(wanted, "is compacted: set cleanup.policy=delete, or history is lost before it is read"))
    if "delete" in has and policy == "compact":
        told.append(_differs(wanted, f"has cleanup.policy={has}: set compact alone, or what is remembered is lost"))
    largest = _number(found.settings.get("max.message.bytes"), MAX_MESSAGE_BYTES)
    if largest < MESSAGE_BYTES:
        told.append(
            _differs(
                wanted,
                f"takes messages up to {largest:,} bytes, large objects need {MAX_MESSAGE_BYTES:,}: raise its "
                "max.message.bytes",
            )
        )
    insync = _number(found.settings.get("min.insync.replicas"), 1)
    if insync < _number(wanted.settings["min.insync.replicas"], 1):
        told.append(
            _differs(
                wanted,
                f"has min.insync.replicas={insync}, not {wanted.settings['min.insync.replicas']}: a broker that dies "
                "may take records with it",
                fatal=False,
            )
        )
    return told


def _differs(wanted: TopicSpec, what: str, *, fatal: bool = True) -> Difference:
    return Difference(topic=wanted.name, sentence=f"topic {wanted.name} {what}", fatal=fatal)


def _number(text: str | None, otherwise: int) -> int:
    return int(text) if text and text.lstrip("-").isdecimal() else otherwise
