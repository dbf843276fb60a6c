"""What can end ingest. Everything else is waited for: a store that is away or full loses nothing, the log just waits.

IngestError
├── LogReplaced          the topic was made anew while it was read
└── TooManyDeadLetters   so many records in a row cannot be stored that something bigger is wrong
"""


class IngestError(Exception):
    """Ingest cannot go on, with a sentence that says what to do."""


class TooManyDeadLetters(IngestError):
    """More consecutive records than the limit could not be stored; nothing after them was acknowledged."""


class LogReplaced(IngestError):
    """The log under this name is another one now."""
