"""What a workload's own status says about its rollout, pure: the rules of `kubectl rollout status`, per kind.

Source: kubectl polymorphichelpers/rollout_status.go; Jobs by their conditions; Argo Rollouts by phase and pod hash. A
status speaks of a version only when `observedGeneration` has reached its generation.
"""

from collections.abc import Callable
from dataclasses import dataclass

import msgspec
import orjson

from schema.canonical import Json, JsonObject

DEPLOYMENT = ("deployments", "apps")
STATEFUL_SET = ("statefulsets", "apps")
DAEMON_SET = ("daemonsets", "apps")
JOB = ("jobs", "batch")
ARGO = ("rollouts", "argoproj.io")
KINDS = (DEPLOYMENT, STATEFUL_SET, DAEMON_SET, JOB, ARGO)

REVISION_ANNOTATIONS = ("deployment.kubernetes.io/revision", "rollout.argoproj.io/revision")
HASH_LABELS = ("pod-template-hash", "rollouts-pod-template-hash", "controller-revision-hash")


class _Condition(msgspec.Struct):
    type: str = ""
    status: str = ""
    reason: str = ""
    message: str = ""


class _Status(msgspec.Struct, rename="camel"):
    observed_generation: int | str | None = None
    replicas: int | None = None
    updated_replicas: int | None = None
    ready_replicas: int | None = None
    available_replicas: int | None = None
    current_revision: str = ""
    update_revision: str = ""
    desired_number_scheduled: int | None = None
    updated_number_scheduled: int | None = None
    number_available: int | None = None
    phase: str = ""
    message: str = ""
    current_pod_hash: str = msgspec.field(name="currentPodHash", default="")
    stable_rs: str = msgspec.field(name="stableRS", default="")
    conditions: list[_Condition] | None = None


class _RollingUpdate(msgspec.Struct):
    partition: int | None = None


class _Strategy(msgspec.Struct, rename="camel"):
    type: str = ""
    rolling_update: _RollingUpdate | None = None


class _Spec(msgspec.Struct, rename="camel"):
    replicas: int | None = None
    paused: bool = False
    update_strategy: _Strategy | None = None


class _Metadata(msgspec.Struct):
    generation: int = 0


class Workload(msgspec.Struct):
    """The few fields that tell how far a rollout is; nothing else of the object is decoded."""

    metadata: _Metadata = msgspec.field(default_factory=_Metadata)
    spec: _Spec = msgspec.field(default_factory=_Spec)
    status: _Status = msgspec.field(default_factory=_Status)


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How far it is: `waiting` for what, in words, when it is neither done nor failed."""

    done: bool
    waiting: str = ""
    failed: bool = False
    replicas: int | None = None
    hash: str = ""


_decode = msgspec.json.Decoder(Workload).decode


def standing(kind: tuple[str, str], state: bytes) -> Standing:
    """What this state of the workload says. A state of another shape is waiting for nobody knows what."""
    try:
        found = _decode(state)
    except msgspec.MsgspecError:
        return Standing(done=False, waiting="its status cannot be read")
    observed = found.status.observed_generation
    if kind != JOB and int(observed or 0) < found.metadata.generation:
        return Standing(done=False, waiting="its controller has not seen this version", replicas=found.spec.replicas)
    return _RULES[kind](found)


def template_of(state: bytes) -> JsonObject | None:
    """`spec.template`, as a rollout compares it: without what controllers write into it."""
    try:
        spec = orjson.loads(state or b"{}").get("spec")
    except (ValueError, AttributeError):
        return None
    return plain_template(spec.get("template")) if isinstance(spec, dict) else None


def plain_template(template: Json) -> JsonObject | None:
    """A template without the hash labels, `$patch` and empty creation time that only tell holders apart."""
    if not isinstance(template, dict):
        return None
    kept = {name: value for name, value in template.items() if name != "$patch"}
    metadata = kept.get("metadata")
    if isinstance(metadata, dict):
        labels = metadata.get("labels")
        own: JsonObject = {name: value for name, value in metadata.items() if value is not None and name != "labels"}
        if isinstance(labels, dict) and (mine := {n: v for n, v in labels.items() if n not in HASH_LABELS}):
            own["labels"] = mine
        kept.pop("metadata")
        if own:
            kept["metadata"] = own
    return kept


def fingerprint(template: JsonObject | None) -> bytes:
    """Equal for equal templates."""
    return orjson.dumps(template, option=orjson.OPT_SORT_KEYS)


def images(template: JsonObject | None) -> list[str]:
    """`container=image` of every container, init containers first."""
    spec = (template or {}).get("spec")
    if not isinstance(spec, dict):
        return []
    listed: list[Json] = []
    for name in ("initContainers", "containers"):
        part = spec.get(name)
        listed += part if isinstance(part, list) else []
    return [f"{each.get('name')}={each.get('image')}" for each in listed if isinstance(each, dict)]


def _deployment(found: Workload) -> Standing:
    status, wanted = found.status, 1 if found.spec.replicas is None else found.spec.replicas
    if any(
        each.type == "Progressing" and each.reason == "ProgressDeadlineExceeded" for each in status.conditions or ()
    ):
        return Standing(done=False, failed=True, waiting="exceeded its progress deadline", replicas=wanted)
    updated, total, available = status.updated_replicas or 0, status.replicas or 0, status.available_replicas or 0
    waiting = ""
    if updated < wanted:
        waiting = f"{updated} of {wanted} new replicas have been updated"
    elif total > updated:
        waiting = f"{total - updated} old replicas are still to end"
    elif available < updated:
        waiting = f"{available} of {updated} updated replicas are available"
    if waiting and found.spec.paused:
        waiting = f"paused: {waiting}"
    return Standing(done=not waiting, waiting=waiting, replicas=wanted)


def _stateful_set(found: Workload) -> Standing:
    status, wanted = found.status, 1 if found.spec.replicas is None else found.spec.replicas
    strategy = found.spec.update_strategy
    rolling = strategy.rolling_update if strategy else None
    partition = (rolling.partition or 0) if rolling else 0
    ready, updated = status.ready_replicas or 0, status.updated_replicas or 0
    waiting = ""
    if ready < wanted:
        waiting = f"{ready} of {wanted} pods are ready"
    elif partition and updated < wanted - partition:
        waiting = f"{updated} of {wanted - partition} pods beyond the partition are new"
    elif not partition and status.update_revision != status.current_revision:
        waiting = f"{updated} of {wanted} pods are at revision {status.update_revision}"
    return Standing(done=not waiting, waiting=waiting, replicas=wanted, hash=status.update_revision)


def _daemon_set(found: Workload) -> Standing:
    status = found.status
    wanted, updated = status.desired_number_scheduled or 0, status.updated_number_scheduled or 0
    available = status.number_available or 0
    waiting = ""
    if updated < wanted:
        waiting = f"{updated} of {wanted} new pods have been updated"
    elif available < wanted:
        waiting = f"{available} of {wanted} updated pods are available"
    return Standing(done=not waiting, waiting=waiting, replicas=wanted)


def _job(found: Workload) -> Standing:
    for each in found.status.conditions or ():
        if each.status == "True" and each.type == "Complete":
            return Standing(done=True)
        if each.status == "True" and each.type == "Failed":
            return Standing(done=False, failed=True, waiting=f"{each.reason}: {each.message}".strip(": "))
    return Standing(done=False, waiting="it is still running")


def _argo(found: Workload) -> Standing:
    status = found.status
    if status.phase == "Degraded":
        return Standing(done=False, failed=True, waiting=status.message or "degraded", replicas=found.spec.replicas)
    done = status.phase == "Healthy" and status.stable_rs == status.current_pod_hash
    waiting = "" if done else f"{status.phase or 'progressing'}: {status.message}".rstrip(": ")
    return Standing(done=done, waiting=waiting, replicas=found.spec.replicas, hash=status.current_pod_hash)


_RULES: dict[tuple[str, str], Callable[[Workload], Standing]] = {
    DEPLOYMENT: _deployment,
    STATEFUL_SET: _stateful_set,
    DAEMON_SET: _daemon_set,
    JOB: _job,
    ARGO: _argo,
}
