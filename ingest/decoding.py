"""Messages of Kafka as records. Pure; what is no record is Undecodable, with the reason and without the content."""

from datetime import UTC, datetime
from typing import Protocol

from ingest.holes import LIFE, Going
from ingest.source import Delivery, Lost, Undecodable
from schema import codec
from schema.events import Record
from schema.topics import MESSAGE_BYTES


class Message(Protocol):
    """What is used of Kafka's message; `timestamp` in milliseconds."""

    key: bytes | None
    value: bytes | None
    timestamp: int
    offset: int


def delivery(message: Message, partition: int, going: Going, term: int) -> Delivery:
    """One message as ingest takes it; the first one after a hole tells of it, once."""
    lost, going.lost_span = _lost(message, going), None
    return Delivery(
        partition=partition,
        offset=going.life * LIFE + message.offset,
        record=decoded(message.key, message.value, message.timestamp),
        size=len(message.value or b""),
        term=term,
        lost=lost,
    )


def _lost(message: Message, going: Going) -> Lost | None:
    if going.lost_span is None:
        return None
    return Lost(going.lost, going.until or datetime.fromtimestamp(message.timestamp / 1000, UTC), going.lost_span)


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
