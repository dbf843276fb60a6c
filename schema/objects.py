"""Identity of what is recorded: kinds, watch scopes and objects, in the spellings that the public interface uses."""

import re
from dataclasses import dataclass

CLUSTER_NAME = re.compile(r"[A-Za-z0-9._@-]{1,100}")
KUBE_EVENTS = frozenset({"events", "events.events.k8s.io"})
"""Kubernetes Events, in both of their APIs: recorded as occurrences of their own class, not as versions of objects."""


def kind_id(resource: str, group: str) -> str:
    """The public spelling of a kind: `deployments.apps`; a core kind is written plainly: `pods`."""
    return f"{resource}.{group}" if group else resource


def split_kind_id(kind: str) -> tuple[str, str]:
    """`deployments.apps` → (`deployments`, `apps`). No resource name contains a dot, so the first one parts them."""
    resource, _, group = kind.partition(".")
    return resource, group


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """One resource type as discovery serves it, at the one version that is captured."""

    group: str
    version: str
    resource: str
    kind: str
    namespaced: bool
    singular: str = ""
    short_names: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    verbs: frozenset[str] = frozenset()

    @property
    def id(self) -> str:
        """`resource.group`, the name under which everything else knows this kind."""
        return kind_id(self.resource, self.group)

    @property
    def api_version(self) -> str:
        """As in a manifest: `apps/v1`, `v1`."""
        return f"{self.group}/{self.version}" if self.group else self.version

    def path(self, namespace: str = "") -> str:
        """The collection's URL path, of one namespace or of the whole cluster."""
        root = f"/apis/{self.group}/{self.version}" if self.group else f"/api/{self.version}"
        return f"{root}/namespaces/{namespace}/{self.resource}" if namespace else f"{root}/{self.resource}"


@dataclass(frozen=True, slots=True, order=True)
class Scope:
    """What one watch covers: a kind, in the whole cluster (namespace "") or in one namespace."""

    kind: str
    namespace: str = ""

    def __str__(self) -> str:
        """`pods` or `pods/shop`: the key of checkpoints and watermarks."""
        return f"{self.kind}/{self.namespace}" if self.namespace else self.kind

    @classmethod
    def parse(cls, text: str) -> "Scope":
        """The inverse of str()."""
        kind, _, namespace = text.partition("/")
        return cls(kind, namespace)
