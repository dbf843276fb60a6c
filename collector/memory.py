"""The previous version of every object of one scope, as compressed bytes: what the next one is compared with.

A parsed pod keeps 66 KB alive, its compressed state 1–3. So nothing parsed is ever kept: a version is one zstd frame
(level 1, copied: the library's own result keeps ~10 KB resident) that holds the canonical state, where its top-level
sections lie in it, a fingerprint of each section as the server sent it (an unchanged section need not be parsed again),
and the times of the managedFields entries. Field sets of the entries are not needed: who owns a changed value stands in
the new version. Once enough objects of a kind are known, a few of them serve as dictionary: 3 times smaller again.
What a watch has told a moment ago is told of again soon (a pod that starts, a rollout), so the latest few megabytes of
all kinds stay as they are and are only packed once others are newer (`Warm`).

Of lives that ended, the version of their end is remembered until the resume point has passed it: a stream that is read
again from there repeats them.
"""

import sys
import threading
from collections import OrderedDict
from collections.abc import Iterator
from typing import Final, NamedTuple, TypeAlias

import msgspec
import zstandard

from collector.clock import numeric

_DICTIONARY_AFTER: Final = 64
_DICTIONARY_BYTES: Final = 48 * 1024
_SAMPLES: Final = 8
TOLD_TWICE: Final = 256
"""Ended lives (and versions, where these are no numbers) that are remembered although the stream has passed them."""
_LEVEL: Final = 1
_BESIDE: Final = 2048
"""Bytes that a version takes in memory beside its state."""

Stamps: TypeAlias = dict[str, str]
"""Identity of a managedFields entry → its `time` as served. Which of them are new tells whose write this is."""


class Section(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """A top-level member of the canonical state: where its value lies, and a hash of it as served (b"" = unknown)."""

    name: str
    start: int
    end: int
    fingerprint: bytes = b""


class Version(msgspec.Struct, array_like=True, frozen=True):
    """One version, unpacked: canonical state, its sections; times (None: not known) and hash of managedFields."""

    state: bytes
    sections: list[Section]
    stamps: Stamps | None
    managed: bytes


class Entry:
    """What is kept of one living object: its version `packed`, or as it is (`warm`)."""

    __slots__ = ("epoch", "hash", "name", "namespace", "packed", "rv", "seq", "warm")

    def __init__(
        self,
        *,
        namespace: str,
        name: str,
        epoch: int,
        seq: int,
        rv: str,
        digest: bytes,
        packed: bytes = b"",
        warm: Version | None = None,
    ) -> None:
        self.namespace = sys.intern(namespace)
        self.name = name
        self.epoch = epoch
        self.seq = seq
        self.rv = rv
        self.hash = digest
        self.packed = packed
        self.warm = warm


class Warm:
    """Which entries of all memories are not packed, oldest first: about `most` bytes. From any thread.

    An entry is packed by its own memory, on the thread of whoever uses that: here it is only told to.
    """

    def __init__(self, most: int = 8 * 2**20) -> None:
        self._most = most
        self._lock = threading.Lock()
        self._held: OrderedDict[Entry, tuple[list[Entry], int]] = OrderedDict()
        self._bytes = 0

    def hold(self, entry: Entry, size: int, cooling: list[Entry]) -> None:
        """Keep this one; what is too much then, oldest first, goes on its own memory's list of what to pack."""
        with self._lock:
            self._held[entry] = (cooling, size)
            self._bytes += size
            while self._bytes > self._most:
                oldest, (owner, freed) = self._held.popitem(last=False)
                self._bytes -= freed
                owner.append(oldest)

    def drop(self, entry: Entry) -> None:
        """It is remembered no longer."""
        with self._lock:
            self._bytes -= self._held.pop(entry, _NO_HOLD)[1]


_NO_HOLD: Final[tuple[list[Entry], int]] = ([], 0)


class Ended(NamedTuple):
    """The last event of a life. One that a stale list gave up for dead goes on with the next `seq`."""

    rv: str
    epoch: int
    seq: int


class Memory:
    """uid → newest version, for one scope."""

    def __init__(self, warm: Warm | None = None) -> None:
        """`warm` is shared by the memories of all scopes."""
        self._warm = warm or Warm()
        self._cooling: list[Entry] = []
        self._entries: dict[str, Entry] = {}
        self._ended: dict[str, Ended] = {}
        self._told: dict[tuple[str, str, bool], None] = {}
        self._encode = msgspec.msgpack.Encoder().encode
        self._decode = msgspec.msgpack.Decoder(Version).decode
        self._trained = False
        self._compressor = zstandard.ZstdCompressor(level=_LEVEL)
        self._decompressor = zstandard.ZstdDecompressor()

    def __len__(self) -> int:
        return len(self._entries)

    def __iter__(self) -> Iterator[str]:
        """The uids of living objects; do not change memory meanwhile."""
        return iter(self._entries)

    def get(self, uid: str) -> Entry | None:
        """The living object, if known."""
        return self._entries.get(uid)

    def put(self, uid: str, entry: Entry) -> None:
        """Remember this as the newest version."""
        self._forget(uid)
        self._entries[uid] = entry
        if entry.warm is not None:
            self._warm.hold(entry, len(entry.warm.state) + _BESIDE, self._cooling)
        if self._cooling:
            self._cool()
        if not self._trained and len(self._entries) >= _DICTIONARY_AFTER:
            self._train()

    def end(self, uid: str, ended: Ended) -> None:
        """This life ended with this event."""
        self._forget(uid)
        self._entries.pop(uid, None)
        self._ended[uid] = ended

    def ended(self, uid: str) -> Ended | None:
        """The event with which this life ended, while a stream that is read again would repeat it, and longer."""
        return self._ended.get(uid)

    def told(self, uid: str, rv: str, *, deleted: bool) -> bool:
        """Whether this was told a short while ago; from now on it was. For versions that are no numbers."""
        if (key := (uid, rv, deleted)) in self._told:
            return True
        self._told[key] = None
        if len(self._told) > TOLD_TWICE:
            del self._told[next(iter(self._told))]
        return False

    def prune(self, rv: str) -> None:
        """The resume point stands at this version now: ends up to it should not come again.

        The newest stay known all the same, because servers have been seen to tell twice (etcd #17529, #18089).
        """
        if self._cooling:
            self._cool()
        surplus, passed = len(self._ended) - TOLD_TWICE, numeric(rv)
        while surplus > 0 and numeric(self._ended[oldest := next(iter(self._ended))].rv) <= passed:
            del self._ended[oldest]
            surplus -= 1

    def forget_ended(self) -> None:
        """No stream repeats what is known of ended lives."""
        self._ended.clear()

    def pack(self, version: Version) -> bytes:
        """A version as the bytes to keep."""
        frame = self._compressor.compress(self._encode(version))
        return bytes(memoryview(frame))  # a copy: the result's own buffer is far larger than what is in it

    def unpack(self, entry: Entry) -> Version:
        """The version that these bytes hold."""
        return entry.warm or self._decode(self._decompressor.decompress(entry.packed))

    def _forget(self, uid: str) -> None:
        """The version before is not kept warm any more."""
        before = self._entries.get(uid)
        if before is not None and before.warm is not None:
            self._warm.drop(before)

    def _cool(self) -> None:
        """Pack what others are newer than."""
        while self._cooling:
            entry = self._cooling.pop()
            if entry.warm is not None:
                entry.packed, entry.warm = self.pack(entry.warm), None

    def _train(self) -> None:
        """Take some of what is known as history that every later frame refers to. Done once: frames are read with it.

        Plain content, so frames carry no dictionary id, and those written before are read with it as well.
        """
        entries = list(self._entries.values())
        samples = [self._encode(self.unpack(entry)) for entry in entries[:: max(1, len(entries) // _SAMPLES)]]
        content = b"".join(samples)[-_DICTIONARY_BYTES:]
        dictionary = zstandard.ZstdCompressionDict(content, dict_type=zstandard.DICT_TYPE_RAWCONTENT)
        dictionary.precompute_compress(level=_LEVEL)
        self._compressor = zstandard.ZstdCompressor(level=_LEVEL, dict_data=dictionary)
        self._decompressor = zstandard.ZstdDecompressor(dict_data=dictionary)
        self._trained = True
