"""A change is noise only when every changed place is machine noise."""

import pytest

from collector.noise import RULES, classify
from schema.paths import parse


@pytest.mark.parametrize(
    ("kind", "name", "paths", "expected"),
    [
        ("leases.coordination.k8s.io", "n", ["spec.renewTime"], "lease"),
        ("leases.coordination.k8s.io", "n", ["spec.renewTime", "spec.holderIdentity"], ""),
        ("nodes", "n", ["status.conditions[type=Ready].lastHeartbeatTime", "status.images[#3].sizeBytes"], "heartbeat"),
        ("nodes", "n", ["status.images"], "heartbeat"),
        ("nodes", "n", ["status.conditions[type=Ready].status"], ""),
        ("pods", "n", ["status.conditions[type=Ready].lastProbeTime"], "status-time"),
        ("pods", "n", ["status.conditions[#0].lastTransitionTime", "status.observedGeneration"], "status-time"),
        ("deployments.apps", "n", ["status.observedGeneration"], "observed-generation"),
        ("configmaps", "n", ['metadata.annotations["control-plane.alpha.kubernetes.io/leader"]'], "leader-annotation"),
        ("configmaps", "cluster-autoscaler-status", ["data.status"], "autoscaler-status"),
        ("configmaps", "web", ["data.status"], ""),
        (
            "horizontalpodautoscalers.autoscaling",
            "n",
            ["status.currentMetrics[#0].resource.current.value"],
            "autoscaler-status",
        ),
        ("endpoints", "n", ["subsets[#0].addresses"], ""),
        ("pods", "n", ["spec.nodeName"], ""),
        ("pods", "n", [], ""),
    ],
)
def test_classes(kind: str, name: str, paths: list[str], expected: str) -> None:
    assert classify(kind, name, map(parse, paths)) == expected


def test_rules_name_classes_that_can_be_written_on_a_command_line() -> None:
    assert all(rule.noise.replace("-", "").isalpha() for rule in RULES)
