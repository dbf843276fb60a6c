"""What ingest counts, as one closed list. The registry is passed in; nothing is registered by an import."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram


class Metrics:
    """Ingest's part of /metrics."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.records = Counter(
            "kubelapse_ingest_records",
            "Records stored and acknowledged, by type (change, k8s_event, watermark, ...).",
            ["type"],
            registry=registry,
        )
        self.rows = Counter(
            "kubelapse_ingest_rows", "Rows inserted into the store, by table.", ["table"], registry=registry
        )
        self.batches = Counter("kubelapse_ingest_batches", "Batches stored and acknowledged.", registry=registry)
        self.flush_seconds = Histogram(
            "kubelapse_ingest_flush_seconds",
            "Seconds from handing a batch over until it was acknowledged, waiting for the store included.",
            buckets=(0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 15, 60, 300),
            registry=registry,
        )
        self.retries = Counter(
            "kubelapse_ingest_insert_retries",
            "Inserts that failed and were repeated with the same rows and token.",
            registry=registry,
        )
        self.dead_letters = Counter(
            "kubelapse_ingest_dead_letters",
            "Records that could not be stored and were put aside with their reason.",
            registry=registry,
        )
        self.lag_seconds = Gauge(
            "kubelapse_ingest_lag_seconds",
            "Seconds since the newest stored record was read from the cluster; a few when all is well.",
            registry=registry,
        )
        self.queue_bytes = Gauge(
            "kubelapse_ingest_queue_bytes", "Bytes of records taken from the log and not yet stored.", registry=registry
        )
        self.log_lag_records = Gauge(
            "kubelapse_ingest_log_lag_records",
            "Kafka: messages of this partition that are committed and not yet read (only partitions of this ingester).",
            ["partition"],
            registry=registry,
        )
        self.rebalances = Counter(
            "kubelapse_ingest_rebalances", "Kafka: partitions were handed out anew.", registry=registry
        )
        self.reconnects = Counter(
            "kubelapse_ingest_reconnects",
            "Kafka: the consumer was replaced because it failed or received nothing any more.",
            registry=registry,
        )
        self.forgotten = Counter(
            "kubelapse_ingest_forgotten",
            "Kafka: records that were read but are another ingester's to store (rebalance, or taken for dead).",
            registry=registry,
        )
