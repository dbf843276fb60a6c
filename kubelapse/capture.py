"""What capture is told from the settings, in one process with the store (`up`) or apart from it (`collect`)."""

import socket
import uuid

from collector.cluster import Forbidden
from collector.settings import CollectorSettings
from kubelapse import __version__
from kubelapse import settings as known
from kubelapse.access import Reached
from kubelapse.settings import Settings
from kubelapse.settings_redaction import rules


class NoIdentity(Exception):
    """The cluster's uid may not be read and is not set."""


async def cluster_uid(settings: Settings, cluster: Reached) -> str:
    """The identity of this cluster: as set, else as asked for. Raises NoIdentity and ClusterError."""
    if settings[known.CLUSTER_UID]:
        return settings[known.CLUSTER_UID]
    try:
        return await cluster.api.uid()
    except Forbidden:
        raise NoIdentity(
            "these credentials may not get the namespace kube-system, whose uid tells clusters apart: allow it, "
            f"or set {known.CLUSTER_UID.env} to a text of your own that stays the same"
        ) from None


def collector_settings(settings: Settings, name: str, key: bytes) -> CollectorSettings:
    """What the collector is told."""
    return CollectorSettings(
        cluster=settings[known.CLUSTER] or name,
        cluster_uid=settings[known.CLUSTER_UID],
        redaction_key=key,
        redaction=rules(settings),
        instance=f"{socket.gethostname()}-{uuid.uuid4().hex[:8]}",
        software=f"kubelapse/{__version__}",
        namespaces=settings[known.NAMESPACES],
        kinds=settings[known.KINDS],
        include=settings[known.INCLUDE],
        exclude=settings[known.EXCLUDE],
        audit_every=max(60.0, settings[known.AUDIT_EVERY]),
    )
