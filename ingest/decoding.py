"""Messages of Kafka as records. Pure; what is no record is Undecodable, with the reason and without the content."""

from datetime import UTC, datetime

from ingest.source import Undecodable
from schema import codec
from schema.events import Record
from schema.topics import MESSAGE_BYTES


def decoded(key: bytes | None, value: bytes | None, timestamp: int) -> Record | Undecodable:
    """`timestamp`: milliseconds, as Kafka has it."""
    at = datetime.fromtimestamp(timestamp / 1000, UTC)
    if value is None:
        return Undecodable(b"", "a message without content", key or b"", at)
    if len(value) > MESSAGE_BYTES:
        return Undecodable(value, f"larger than {MESSAGE_BYTES:,} bytes ({len(value):,})", key or b"", at)
    try:
        return codec.decode(value)
    except codec.CodecError as error:
        return Undecodable(value, str(error), key or b"", at)
