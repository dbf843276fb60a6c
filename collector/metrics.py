"""The closed list of what capture counts and measures. `kind` is always `resource.group`."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram


class Metrics:
    """Counters and gauges of one collector, in the registry that is passed in."""

    def __init__(self, registry: CollectorRegistry) -> None:
        def counter(name: str, text: str, *labels: str) -> Counter:
            return Counter(f"kubelapse_collector_{name}", text, labels, registry=registry)

        def gauge(name: str, text: str, *labels: str) -> Gauge:
            return Gauge(f"kubelapse_collector_{name}", text, labels, registry=registry)

        self.events = counter("events", "Change events given to the log.", "kind", "op", "origin")
        self.kube_events = counter("kube_events", "Kubernetes Events given to the log.")
        self.bytes = counter("read_bytes", "Bytes read from watches.", "kind")
        self.relists = counter(
            "lists", "Complete lists; any reason but `first` may have cost intermediate versions.", "kind", "reason"
        )
        self.expired = counter("expired", "Times the server had forgotten the version to resume from (410).", "kind")
        self.healed = counter("healed_events", "Versions that a watch had lost, read back from etcd.", "kind")
        self.healing_requests = counter("healing_requests", "Lists of earlier versions asked for to heal.", "kind")
        self.healings_given_up = counter(
            "healings_given_up", "Times nothing could be healed: a fresh list was compared instead.", "kind"
        )
        self.gaps = counter("gaps", "Gaps put on record.", "kind", "reason")
        self.audits = counter(
            "audits", "Scopes compared with an exact list of the server: equal, differs or skipped.", "kind", "result"
        )
        self.audit_differences = counter("audit_differences", "Objects that an audit found to differ.", "kind")
        self.reconnects = counter("reconnects", "Watches resumed, by the state before.", "kind", "after")
        self.late = counter("late_events", "Lines read late, whose time is an estimate.", "kind")
        self.restarts = counter("reflector_restarts", "Watches begun again after an unforeseen error.", "kind")
        self.full_waits = counter("full_waits", "Times a socket was left unread because processing was behind.", "kind")
        self.log_full = counter("log_full", "Times the log had no room and capture had to wait.")
        self.freezes = counter("freezes", "Times this process was frozen or too busy to read.")
        self.frozen_seconds = counter("frozen_seconds", "Time spent frozen or too busy to read.")
        self.discovery_failures = counter("discovery_failures", "Discoveries that failed; the known kinds stay.")
        self.schema_failures = counter("schema_failures", "Times OpenAPI schemas could not be had; capture goes on.")
        self.connected = gauge("watch_connected", "1 while the watch of this scope is open.", "scope")
        self.lag = gauge(
            "lag_seconds", "How far behind now this scope's history is; past 45 s the server soon forgets.", "scope"
        )
        self.silence = gauge("watch_age_seconds", "Time since the last byte of this scope.", "scope")
        self.held = gauge("held_events", "Late events held until they can be dated.")
        self.queued = gauge("queued_bytes", "Bytes read from watches and not yet processed.")


class LogMetrics:
    """Counters and gauges of the way into Kafka, in the registry that is passed in."""

    def __init__(self, registry: CollectorRegistry) -> None:
        def counter(name: str, text: str) -> Counter:
            return Counter(f"kubelapse_collector_log_{name}", text, registry=registry)

        def gauge(name: str, text: str) -> Gauge:
            return Gauge(f"kubelapse_collector_log_{name}", text, registry=registry)

        self.messages = counter("messages", "Messages committed to Kafka.")
        self.transactions = Histogram(
            "kubelapse_collector_log_transaction_seconds", "Time of a committed transaction.", registry=registry
        )
        self.failures = counter("transaction_failures", "Transactions that failed; none is lost or written twice.")
        self.refused = counter("refused_records", "Changes too large (or unfit) to be written; each leaves a gap.")
        self.fenced = counter("fenced", "Times another collector took over this one's slot.")
        self.spilled = counter("spilled_bytes", "Bytes that went to disk because Kafka was away or slow.")
        self.waiting = gauge("waiting_bytes", "Bytes in memory that wait for Kafka.")
        self.on_disk = gauge("disk_bytes", "Bytes on disk that wait for Kafka.")
