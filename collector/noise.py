"""Noise classes: changes in which *every* path is machine noise get the class's name; nothing is ever dropped for it.

Rules are data. A path pattern speaks of rendered steps: a field's name, `*` for any one step (list items, annotation
names …), a final `**` for everything below. The class of a change whose paths fall into several is that of the rule
that stands first.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import lru_cache
from typing import Final

from schema.paths import Field, Path, Token

MANAGED_FIELDS: Final = "managed-fields"
TOUCH: Final = "touch"


@dataclass(frozen=True, slots=True)
class Rule:
    """One place that machines write all the time: class, kind pattern, path pattern, object name or `*`."""

    noise: str
    kind: str
    path: tuple[str, ...]
    name: str = "*"


_HPA: Final = "horizontalpodautoscalers.autoscaling"
_ANNOTATION: Final = ("metadata", "annotations")
_CONDITION: Final = ("status", "conditions", "*")

RULES: Final = (
    Rule("lease", "leases.coordination.k8s.io", ("spec", "renewTime")),
    Rule("heartbeat", "nodes", (*_CONDITION, "lastHeartbeatTime")),
    Rule("heartbeat", "nodes", ("status", "images", "**")),
    Rule("leader-annotation", "*", (*_ANNOTATION, "control-plane.alpha.kubernetes.io/leader")),
    Rule("autoscaler-status", _HPA, ("status", "currentMetrics", "**")),
    Rule("autoscaler-status", _HPA, (*_ANNOTATION, "autoscaling.alpha.kubernetes.io/current-metrics")),
    Rule("autoscaler-status", "configmaps", ("data", "status"), "cluster-autoscaler-status"),
    Rule("autoscaler-status", "configmaps", (*_ANNOTATION, "cluster-autoscaler.kubernetes.io/last-updated")),
    Rule("status-time", "*", (*_CONDITION, "lastTransitionTime")),
    Rule("status-time", "*", (*_CONDITION, "lastProbeTime")),
    Rule("status-time", "*", (*_CONDITION, "lastUpdateTime")),
    Rule("observed-generation", "*", ("status", "observedGeneration")),
    Rule("observed-generation", "*", (*_CONDITION, "observedGeneration")),
    Rule("reconcile-time", "applications.argoproj.io", ("status", "reconciledAt")),
    Rule("reconcile-time", "*.toolkit.fluxcd.io", ("status", "lastHandledReconcileAt")),
)


def classify(kind: str, name: str, paths: Iterable[Path]) -> str:
    """The noise class of a change of these places, or "" when any of them is not noise (or there is none)."""
    rules = _rules_of(kind)
    best = len(rules)
    seen = False
    for path in paths:
        found = next((i for i, rule in enumerate(rules) if _matches(rule, name, path)), -1)
        if found < 0:
            return ""
        best = min(best, found)
        seen = True
    return rules[best].noise if seen else ""


@lru_cache(maxsize=1024)
def _rules_of(kind: str) -> tuple[Rule, ...]:
    return tuple(rule for rule in RULES if fnmatchcase(kind, rule.kind))


def _matches(rule: Rule, name: str, path: Path) -> bool:
    pattern = rule.path
    if pattern[-1] == "**":
        pattern = pattern[:-1]
        if len(path) < len(pattern):
            return False
    elif len(path) != len(pattern):
        return False
    return all(map(_step, pattern, path)) and rule.name in ("*", name)


def _step(pattern: str, token: Token) -> bool:
    return pattern == "*" or (isinstance(token, Field) and token.name == pattern)
