"""Everything capture can be told. Read from flags and environment by the composition package; no defaults elsewhere."""

from dataclasses import dataclass, field

from collector.redact_rules import RedactionRules


@dataclass(frozen=True, slots=True, kw_only=True)
class Timings:
    """Waits of capture, in seconds. The figures are client-go's where it has one."""

    backoff_first: float = 0.8
    backoff_most: float = 30.0
    """For lists and refusals. To resume a version waits less (`reconnect_most`): the server forgets after 75 s."""
    reconnect_most: float = 8.0
    healthy: float = 120.0
    """A stream that lived this long has proved the server well: back-off starts anew."""
    short_watch: float = 1.0
    """A watch that ends sooner without an event is answered with back-off, not at once."""
    idle: float = 0.5
    """No byte for this long after a backlog: the stream has caught up."""
    idle_resumed: float = 5.0
    """The same, for a connection that has not given a byte yet: a busy server takes 3 s to its first ones (measured
    with 54 watches opened at once beside a full load on two cores)."""
    hold: float = 3.0
    """Late events are given out at the latest after this long, caught up or not."""
    gather: float = 0.02
    """What a watch brings is processed this much later, with what follows it: each time costs like half a change."""
    pause: float = 0.02
    """Under steady load a stream is never idle: after `hold`, a pause this long and fresh claims count as caught up."""
    fresh: float = 1.5
    """A line whose newest claim is at most this old was written just now (claims are whole seconds)."""
    idle_proof: float = 20.0
    """A resumed watch without bookmarks that was silent for so long had nothing to tell up to when it was opened."""
    forbidden_retry: float = 60.0
    burst_silence: float = 15.0
    """An initial burst that pauses this long without its end bookmark never gets one: list instead."""
    burst_most: float = 300.0
    discovery_every: float = 60.0
    discovery_after_poke: tuple[float, ...] = (0.1, 0.3, 0.6, 1.0, 1.4, 1.8, 2.2, 2.6, 3.0, 4.0, 6.0, 10.0)
    """After a CRD or APIService changed the document follows within seconds; asking is two small 304s."""
    watermark_every: float = 2.0
    full_log_retry: float = 1.0
    stop_within: float = 25.0


@dataclass(frozen=True, slots=True, kw_only=True)
class HealingLimits:
    """What reading the past from etcd may cost, each time and for each kind."""

    requests: int = 20_000
    """0: never heal. 10,000 objects of which 500 changed and 250 ended in 100 s need 3,000: ends are bisected."""
    looks: int = 5000
    """Whole lists, in search of lives that neither end of the gap shows."""
    idle_looks: int = 512
    """The same for a kind in which nothing happened and whose etcd others explain (`collector.concert`)."""
    parallel: int = 8
    """Requests under way at a time, of all kinds together."""
    seconds: float = 120.0
    """Without waiting for other kinds. The watch that brought the fresh list is open and read meanwhile; one that only
    opens afterwards may find its version forgotten again, and heals once more. Etcd keeps five minutes at least."""
    bytes: int = 64 * 2**20
    """Of versions that are held until all have been read."""
    objects: int = 300_000
    """Seen in whole lists (metadata only), in search of lives that both ends of the gap do not show."""
    together: int = 50_000
    """Of these, in memory at a time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CollectorSettings:
    """What to capture, under which name, with which limits.

    `namespaces` with `only_namespaces`: namespaced kinds are watched in these namespaces only. Without it they are
    the way out where the cluster-wide list is forbidden. `kinds`, `include`, `exclude` are `resource.group` patterns.
    """

    cluster: str
    redaction_key: bytes = field(repr=False)
    redaction: RedactionRules = field(default_factory=RedactionRules)
    instance: str
    software: str = "kubelapse"
    cluster_uid: str = ""
    namespaces: tuple[str, ...] = ()
    only_namespaces: bool = True
    kinds: tuple[str, ...] = ()
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    keyframe_bytes: int = 65536
    keyframe_every: int = 16
    slot: int = 0
    """Counts from 0; `slots`: how many there are. A kind belongs to one of them (`collector.slots`)."""
    slots: int = 1
    cold_syncs: int = 6
    page_size: int = 500
    queue_bytes: int = 16 * 2**20
    """Bytes read and not yet processed, per watch, compressed as they wait; beyond it reading waits, and the metric
    says so."""
    slice_lines: int = 48
    slice_bytes: int = 128 * 2**10
    """Most lines, and bytes, between two looks at the sockets: milliseconds, because servers end watches that are read
    too slowly."""
    healing: HealingLimits = HealingLimits()
    audit_every: float = 6 * 3600.0
    """Seconds in which every scope is audited once."""
    timings: Timings = Timings()
