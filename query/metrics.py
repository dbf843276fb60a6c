"""The closed list of what the answering stage measures. No label ever holds a name of an object; a receiver's name is
the operator's."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)


class Metrics:
    """Registered once per process, in the registry that is passed in."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.registry = registry
        self.requests = Counter(
            "kubelapse_http_requests_total",
            "Requests that were answered, by route (as a template) and HTTP status.",
            ["route", "status"],
            registry=registry,
        )
        self.seconds = Histogram(
            "kubelapse_http_request_seconds",
            "Time from the request to the first byte of its answer.",
            ["route"],
            buckets=BUCKETS,
            registry=registry,
        )
        self.rows = Counter(
            "kubelapse_query_items_total",
            "Changes, objects and states that were given out, by route.",
            ["route"],
            registry=registry,
        )
        self.refused = Counter(
            "kubelapse_query_refused_total",
            "Requests that were refused because every reader was taken.",
            registry=registry,
        )
        self.feed_clients = Gauge("kubelapse_feed_clients", "Clients that follow the live feed now.", registry=registry)
        self.deliveries = Counter(
            "kubelapse_deliveries_total",
            "Changes and gaps sent to a receiver (webhook, OpenTelemetry): taken, refused (and tried again), "
            "unreachable, dead (given up and put aside).",
            ["receiver", "outcome"],
            registry=registry,
        )
        self.delivery_seconds = Histogram(
            "kubelapse_delivery_seconds",
            "Time of one try to hand changes to a receiver.",
            ["receiver"],
            buckets=BUCKETS,
            registry=registry,
        )
        self.delivery_lag = Gauge(
            "kubelapse_delivery_lag_seconds",
            "How long ago the oldest change was stored that a receiver has not taken yet; 0: it has them all.",
            ["receiver"],
            registry=registry,
        )
        self.feed_events = Counter(
            "kubelapse_feed_events_total",
            "Change events given out on the live feed, over all clients.",
            registry=registry,
        )
