"""How stages end when they cannot begin or go on: one sentence, and an exit code of their own for each sort of trouble.

So whoever restarts a stage can tell a broker that is away from a name that is taken. One list for all stages: the same
trouble has the same code wherever it is met.
"""

from collections.abc import Mapping
from typing import Final

from collector.errors import OtherCluster
from collector.kafka_slot import SinkFenced
from ingest.errors import TooManyDeadLetters
from schema.kafka import NotAllowed, TopicsDiffer, Unreachable, UntrustedCertificate, WrongCredentials
from schema.store import StoreOutdated, StoreUnavailable

EXIT_CODES: Final[Mapping[type[Exception], int]] = {
    Unreachable: 10,
    WrongCredentials: 11,
    UntrustedCertificate: 11,
    NotAllowed: 11,
    TopicsDiffer: 12,
    OtherCluster: 13,
    SinkFenced: 14,
    StoreUnavailable: 15,
    StoreOutdated: 16,
    TooManyDeadLetters: 17,
}
OTHERWISE: Final = 2


class StageError(Exception):
    """A stage cannot begin or go on: the sentence of what happened, and the exit code."""

    def __init__(self, error: Exception, code: int | None = None) -> None:
        """`code` None: that of this sort of error."""
        super().__init__(str(error))
        found = (number for sort, number in EXIT_CODES.items() if isinstance(error, sort))
        self.code = next(found, OTHERWISE) if code is None else code
