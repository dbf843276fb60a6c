"""What an operator may choose about answers; read from the environment by `kubelapse.settings` only."""

from dataclasses import dataclass, field

from query.noise_rules import NONE, NoiseRules
from query.sql.bounds import Bounds


@dataclass(frozen=True, slots=True, kw_only=True)
class QuerySettings:
    """Times in seconds. `hosts`: names besides the loopback ones under which the API may be addressed ("*" = any).

    `feed_clients`: at once, with at most `feed_lanes` different filters or rights, whose newest changes take
    `feed_memory` bytes. `feed_settle`: how old a position must be before the feed goes past it, where several writers
    share the store.
    `rate`: requests per second of one caller where callers sign in; `recheck`: how often long answers look whether
    their caller may still see them; `session`: how long a browser stays signed in; `callback`: the address of
    /auth/callback as browsers reach it, "" = as they name this server.
    """

    hosts: tuple[str, ...] = ()
    readers: int = 4
    streams: int = 4
    patience: float = 10.0
    page: int = 500
    feed_clients: int = 1000
    feed_lanes: int = 64
    feed_memory: int = 64 << 20
    feed_poll: float = 0.5
    feed_heartbeat: float = 15.0
    feed_batch: int = 500
    feed_patience: float = 30.0
    feed_settle: float = 0.0
    noise: NoiseRules = NONE
    audit_log: bool = False
    audit_log_token: str = field(default="", repr=False)
    drift_every: float = 0.0
    rate: float = 50.0
    recheck: float = 10.0
    session: float = 12 * 3600.0
    callback: str = ""
    sql: Bounds = field(default_factory=Bounds)
    version: str = "0.0.0"
