"""The generated pages of docs/: `python -m kubelapse.docs` writes them anew, a test compares.

What they say is said once, in code: settings in `kubelapse.settings`, metrics in each stage's `metrics`, commands in
`kubelapse.cli`, the records of the topic in `schema.events`.
"""

import json
import sys
from pathlib import Path

from prometheus_client import CollectorRegistry
from prometheus_client.registry import Collector

from collector.metrics import LogMetrics
from collector.metrics import Metrics as CollectorMetrics
from ingest.metrics import Metrics as IngestMetrics
from kubelapse import settings
from kubelapse.cli import reference
from query.metrics import Metrics as QueryMetrics
from schema.contract import record_schema

_METRICS_HEAD = """# Metrics

Generated from the `metrics.py` of `collector`, `ingest` and `query`; do not edit. Served at `/metrics`, beside the
usual `process_*` and `python_*`. Units are seconds and bytes; `kind` is `resource.group`; no label names an object.

| metric | type | labels | meaning |
|---|---|---|---|
"""


class _Listing(CollectorRegistry):
    """A registry that only writes down what is registered, in order."""

    def __init__(self) -> None:
        super().__init__()
        self.listed: list[Collector] = []

    def register(self, collector: Collector) -> None:
        """One more."""
        self.listed.append(collector)


def metrics() -> str:
    """The whole of docs/metrics.md."""
    listing = _Listing()
    for stage in (CollectorMetrics, LogMetrics, IngestMetrics, QueryMetrics):
        stage(listing)
    return _METRICS_HEAD + "".join(_row(collector) for collector in listing.listed)


def _row(collector: Collector) -> str:
    # The labels of a metric have no public name in prometheus_client.
    labels: tuple[str, ...] = getattr(collector, "_labelnames", ())
    (metric,) = collector.describe() if hasattr(collector, "describe") else collector.collect()
    name = metric.name + ("_total" if metric.type == "counter" else "")
    return f"| `{name}` | {metric.type} | {', '.join(f'`{label}`' for label in labels)} | {metric.documentation} |\n"


def pages() -> dict[str, str]:
    """Path below the repository → content."""
    return {
        "docs/settings.md": settings.markdown(),
        "docs/metrics.md": metrics(),
        "docs/cli.md": reference.markdown(),
        "docs/contracts/record.schema.json": json.dumps(record_schema(), indent=2, sort_keys=True) + "\n",
    }


def main() -> None:
    """Write them into the checkout that this module is in."""
    for path, text in pages().items():
        (Path(__file__).parents[1] / path).write_text(text, encoding="utf-8")
        print(f"wrote {path}", file=sys.stderr)


if __name__ == "__main__":
    main()
