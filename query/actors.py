"""What sort of writer a field manager is: a person, a GitOps tool or a controller. A guess by name, with confidence.

Managers are names that clients choose (a `fieldManager` parameter, else the User-Agent up to its first slash): nothing
here is proof of identity. Names of kubectl's own commands are a person's, unless a pipeline runs kubectl; `kubectl`
without a command was server-side apply by hand or by a script. Only an audit log names users.
Sources: k8s.io/kubectl field managers (`kubectl-edit`, `kubectl-client-side-apply` …), Argo CD (`argocd-controller`),
Flux (`kustomize-controller`, `helm-controller`), Helm (`helm`), kube-controller-manager, kubelet, cluster-autoscaler.
"""

import re
from dataclasses import dataclass
from typing import Literal

Sort = Literal["human", "gitops", "controller", "unknown"]
Confidence = Literal["high", "medium", "low", "none"]


@dataclass(frozen=True, slots=True)
class Classified:
    """The sort of a writer, and how sure that is."""

    sort: Sort
    confidence: Confidence


_RULES: tuple[tuple[str, Sort, Confidence], ...] = (
    (r"argocd(-.*)?|argo-?cd.*|gitops.*|flux.*|kustomize-controller|helm-controller|source-controller"
     r"|notification-controller|image-automation-controller|fleet.*|rancher-fleet.*|config-sync.*|configsync.*",
     "gitops", "high"),
    (r"kubectl-(edit|scale|rollout|label|annotate|set|patch|create|replace|run|expose|autoscale|taint|cordon|drain"
     r"|debug|uncordon)", "human", "high"),
    (r"kubectl(-client-side-apply|-last-applied|-.*)?", "human", "medium"),
    (r"k9s|lens|headlamp|openlens|octant|(kubernetes-)?dashboard|mozilla|node-fetch|freelens", "human", "medium"),
    (r"helm|terraform.*|hashicorp.*|pulumi.*|ansible.*|crossplane.*|werf|skaffold|tilt|kapp|kpt|deploy-?bot|jenkins.*"
     r"|gitlab.*|github.*|spinnaker|tekton.*|ci|cd", "gitops", "medium"),
    (r"kube-(controller-manager|scheduler|apiserver|proxy)|kubelet|kwok.*|cluster-autoscaler|k3s|rke2|coredns|calico.*"
     r"|cilium.*|cloud-controller-manager|karpenter|vertical-pod-autoscaler.*|vpa-.*|keda.*|cert-manager.*",
     "controller", "high"),
    (r".*-(controller|operator|manager|autoscaler|agent|injector|webhook|scheduler|provisioner|driver)"
     r"|.*(controller|operator).*", "controller", "medium"),
)  # fmt: skip
_COMPILED = tuple((re.compile(pattern, re.IGNORECASE), sort, confidence) for pattern, sort, confidence in _RULES)


def classify(manager: str, operation: str = "", subresource: str = "", user: str = "") -> Classified:
    """What sort of writer this is. `user`: from an audit log, which settles most of it."""
    if user:
        return _by_user(user, manager)
    if not manager:
        return Classified("unknown", "none")
    for pattern, sort, confidence in _COMPILED:
        if pattern.fullmatch(manager):
            return Classified(sort, confidence)
    if subresource == "status":
        return Classified("controller", "low")
    if operation == "Apply":
        return Classified("gitops", "low")
    return Classified("unknown", "none")


def _by_user(user: str, manager: str) -> Classified:
    """Service accounts and components are programs; everybody else who signs in is a person, or holds their key."""
    if user.startswith("system:serviceaccount:"):
        named = classify(manager)
        sure = named.sort if named.sort in ("gitops", "controller") else "controller"
        return Classified(sure, "high")
    if user.startswith("system:"):
        return Classified("controller", "high")
    named = classify(manager)
    return Classified("gitops" if named.sort == "gitops" else "human", "high" if named.sort != "gitops" else "medium")
