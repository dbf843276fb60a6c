"""Pictures of an interface are flat: with a palette of their own they are a third of the size. Pure."""

import struct
import zlib
from collections import Counter
from collections.abc import Iterator
from itertools import accumulate, chain

COLOURS = 96
BRIGHT = 64
"""Colours that say something of an object are few pixels: these many of them are kept whatever else there is."""
SIGNATURE = b"\x89PNG\r\n\x1a\n"


def reduced(picture: bytes) -> bytes:
    """The same PNG with its most frequent colours, grey and bright; every other one becomes the nearest of them."""
    parts = dict[bytes, bytes]()
    for name, data in _chunks(picture):
        parts[name] = parts.get(name, b"") + data
    width, height, _, kind = struct.unpack(">IIBB", parts[b"IHDR"][:10])
    size = {2: 3, 6: 4}[kind]
    lines = _lines(zlib.decompress(parts[b"IDAT"]), width * size, height, size)
    rows = [[line[at : at + 3] for at in range(0, len(line), size)] for line in lines]
    number = _numbered(Counter(chain.from_iterable(rows)))
    kept = sorted(set(number.values()))
    palette = {index: colour for colour, index in reversed(number.items())}
    body = b"".join(b"\0" + bytes(number[pixel] for pixel in row) for row in rows)
    head = struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0)
    named = [(b"IHDR", head), (b"PLTE", b"".join(palette[index] for index in kept)), (b"IDAT", zlib.compress(body, 9))]
    return SIGNATURE + b"".join(_chunk(name, data) for name, data in [*named, (b"IEND", b"")])


def _numbered(counts: Counter[bytes]) -> dict[bytes, int]:
    """An index for each colour; the first of an index is the one that is kept."""
    ordered = [colour for colour, _ in counts.most_common()]
    kept = [*ordered[:COLOURS], *[each for each in ordered[COLOURS:] if max(each) - min(each) > 60][:BRIGHT]]
    number = {colour: index for index, colour in enumerate(kept)}
    for colour in counts:
        if colour not in number:
            number[colour] = min(range(len(kept)), key=lambda index: _apart(kept[index], colour))
    return number


def _apart(one: bytes, other: bytes) -> int:
    return sum((a - b) ** 2 for a, b in zip(one, other, strict=True))


def _lines(data: bytes, width: int, height: int, size: int) -> Iterator[bytes]:
    """Rows with their filters undone, as the PNG specification (section 9) describes them."""
    above = bytearray(width)
    for row in range(height):
        start = row * (width + 1)
        kind, line = data[start], bytearray(data[start + 1 : start + 1 + width])
        if kind == 1:  # most of what a browser writes: as fast as it can be without a library
            for channel in range(size):
                line[channel::size] = bytes(each & 255 for each in accumulate(line[channel::size]))
        elif kind == 2:
            line = bytearray((one + other) & 255 for one, other in zip(line, above, strict=True))
        for at in range(width) if kind > 2 else ():
            left = line[at - size] if at >= size else 0
            corner = above[at - size] if at >= size else 0
            line[at] = (line[at] + _guess(kind, left, above[at], corner)) & 255
        above = line
        yield bytes(line)


def _guess(kind: int, left: int, up: int, corner: int) -> int:
    if kind == 3:
        return (left + up) // 2
    middle = left + up - corner
    return min((abs(middle - left), 0, left), (abs(middle - up), 1, up), (abs(middle - corner), 2, corner))[2]


def _chunks(picture: bytes) -> Iterator[tuple[bytes, bytes]]:
    at = len(SIGNATURE)
    while at < len(picture):
        (length,) = struct.unpack(">I", picture[at : at + 4])
        yield picture[at + 4 : at + 8], picture[at + 8 : at + 8 + length]
        at += 12 + length


def _chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
