"""What stands in the files of a broker: as they are, and every record of their batches unpacked."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from schema.kafka_raw import batches


@dataclass(slots=True)
class Searched:
    """What was looked through; `found`: files that hold one of the texts."""

    files: int = 0
    messages: int = 0
    found: list[str] = field(default_factory=list)


def search(folder: Path, needles: Sequence[str], pattern: str = "**/*") -> Searched:
    """Every file below it, or those of a pattern. What ends being there meanwhile is looked at no more."""
    raw, done = [needle.encode() for needle in needles], Searched()
    for file in sorted(folder.glob(pattern)):
        try:
            data = file.read_bytes() if file.is_file() else b""
        except FileNotFoundError:
            continue
        done.files += 1
        parts = [data]
        if ".log" in file.suffixes and file.name[:20].isdecimal():
            messages = [message for batch in batches(data) for message in batch.messages]
            done.messages += len(messages)
            parts += [part for message in messages for part in message.parts]
        if any(needle in part for part in parts for needle in raw):
            done.found.append(str(file.relative_to(folder)))
    return done
