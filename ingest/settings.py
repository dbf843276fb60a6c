"""What ingest can be told. Defaults suit both an idle laptop and a busy cluster; units stand in the names' docs."""

from dataclasses import dataclass, field

from ingest.batch import BatchPolicy


@dataclass(frozen=True, slots=True, kw_only=True)
class IngestSettings:
    """Settings of one ingester; every time is in seconds."""

    batch: BatchPolicy = field(default_factory=BatchPolicy)
    """When a batch is flushed."""

    linger: float = 0.1
    """Pause between two looks at a log that had less than a batch: ten wake-ups a second, whatever the rate."""

    look: float = 0.2
    """While nobody asks: pause between two looks whether somebody does."""

    coverage_every: float = 1.5
    """Watched intervals are written at most this often; gaps, late spans, kinds and the end at once."""

    retry_first: float = 0.2
    """First pause before a failed insert is repeated; doubled each time."""

    retry_most: float = 15.0
    """Longest pause between two tries."""

    dead_letter_limit: int = 100
    """So many records in a row may be refused; one more ends ingest."""

    redacted_kinds: frozenset[str] = frozenset({"secrets"})
    """Kinds (`resource.group`) with a redaction rule: of their dead letters only length and keyed hash are kept."""
