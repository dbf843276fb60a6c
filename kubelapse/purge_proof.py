"""Whether a text still stands in the files of a directory: as it is, or inside ClickHouse's compressed blocks.

A compressed block (ClickHouse `CompressionInfo`, `ICompressionCodec`): 16 bytes of checksum, one byte for the codec
(0x02 none, 0x82 LZ4, 0x90 ZSTD), the compressed size with these nine bytes, the uncompressed size (little endian), the
data. Columns of texts use these three; blocks of other codecs (Delta and its like) hold numbers. The blocks of a file
are searched as one text, for a value may begin in one and end in the next.
"""

import struct
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import zstandard
from cramjam import lz4

_CHECKSUM: Final = 16
_HEADER: Final = struct.Struct("<BII")
_LARGEST: Final = 1 << 30


def _none(data: bytes, _size: int) -> bytes:
    return data


def _lz4(data: bytes, size: int) -> bytes:
    return bytes(lz4.decompress_block(data, output_len=size))


def _zstd(data: bytes, size: int) -> bytes:
    return zstandard.ZstdDecompressor().decompress(data, max_output_size=size)


_CODECS: Final[Mapping[int, Callable[[bytes, int], bytes]]] = {0x02: _none, 0x82: _lz4, 0x90: _zstd}


@dataclass(slots=True)
class Searched:
    """What was looked through. `found`: files that still hold it; bytes are those after decompression too."""

    files: int = 0
    bytes: int = 0
    blocks: int = 0
    found: list[Path] = field(default_factory=list)


def search(folder: Path, needles: Sequence[str]) -> Searched:
    """Every file below a folder. What ends being there meanwhile is looked at no more."""
    raw = [needle.encode() for needle in needles]
    longest = max(map(len, raw))
    done = Searched()
    for file in sorted(path for path in folder.rglob("*") if path.is_file() and not path.is_symlink()):
        try:
            data = file.read_bytes()
        except FileNotFoundError:
            continue
        done.files += 1
        done.bytes += len(data)
        hit = any(needle in data for needle in raw)
        tail = b""
        for block in blocks(data):
            done.blocks += 1
            done.bytes += len(block)
            hit = hit or any(needle in tail + block for needle in raw)
            tail = (tail + block)[-longest:]
        if hit:
            done.found.append(file)
    return done


def blocks(data: bytes) -> Iterator[bytes]:
    """The compressed blocks of a file, unpacked; nothing for a file that is none, and none after a broken one."""
    at = 0
    while at + _CHECKSUM + _HEADER.size <= len(data):
        codec, packed, size = _HEADER.unpack_from(data, at + _CHECKSUM)
        body = at + _CHECKSUM + _HEADER.size
        end = at + _CHECKSUM + packed
        if packed < _HEADER.size or end > len(data) or size > _LARGEST:
            return
        if (unpack := _CODECS.get(codec)) is not None:
            try:
                yield unpack(data[body:end], size)
            except (ValueError, RuntimeError, zstandard.ZstdError):
                return
        at = end
