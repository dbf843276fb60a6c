"""What the compacted topic holds of one cluster, as it was read: newest value per key, and lives put together again."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

import msgspec
import orjson

from collector.kafka_state import Head, KindState, Life, Step, decode_head, kind_key, mark, prefix
from collector.sink import Position, Remembered
from schema.canonical import Json, canonical
from schema.patch import PatchConflict, apply

_kind: Final = msgspec.json.Decoder(KindState)
_life: Final = msgspec.json.Decoder(Life)
_step: Final = msgspec.json.Decoder(Step)


@dataclass(slots=True)
class Known:
    """One life as the topic holds it: the last whole version, and the steps after it by place."""

    uid: str
    life: Life
    steps: dict[int, Step] = field(default_factory=dict)

    @property
    def chain(self) -> list[Step]:
        """The steps that go on from the whole version, in order and without a hole."""
        mine = sorted(
            (one for one in self.steps.values() if one.epoch == self.life.epoch and one.seq > self.life.seq),
            key=lambda one: one.seq,
        )
        return [one for number, one in enumerate(mine, self.life.seq + 1) if one.seq == number]

    @property
    def mark(self) -> int:
        """Its mark in the account."""
        newest = self.chain[-1] if self.steps and self.chain else self.life
        return mark(self.uid, self.life.epoch, newest.seq, ended=self.life.ended)

    def remembered(self, kind: str) -> Remembered:
        """As capture takes it up; `object` None when its state cannot be told."""
        chain = self.chain if self.steps else []
        newest = chain[-1] if chain else self.life
        return Remembered(
            kind=kind,
            namespace=self.life.namespace,
            name=self.life.name,
            uid=self.uid,
            epoch=self.life.epoch,
            seq=newest.seq,
            rv=newest.rv,
            deleted=self.life.ended,
            hash=newest.hash,
            object=_fold(self.life, chain),
            managed=None,
            ts=newest.at,
        )


def _fold(life: Life, chain: Iterable[Step]) -> bytes | None:
    if life.ended or life.object is None:
        return None
    steps = list(chain)
    if not steps:
        return bytes(life.object)
    state: Json = orjson.loads(bytes(life.object))
    try:
        for step in steps:
            state = apply(state, orjson.loads(bytes(step.patch)))
    except PatchConflict:
        return None
    return canonical(state) if isinstance(state, dict) else None


class Table:
    """Everything the topic holds of one cluster: key → newest value."""

    def __init__(self, cluster: str) -> None:
        self.cluster = cluster
        self._prefix = prefix(cluster)
        self._heads: dict[str, Head] = {}
        self._values: dict[str, dict[bytes, bytes]] = {}

    def put(self, key: bytes | None, value: bytes | None) -> None:
        """One record as it is read, in order; those of other clusters are left out."""
        if key is None or not key.startswith(self._prefix):
            return
        sort, _, rest = key[len(self._prefix) :].partition(b"|")
        if sort == b"head":
            if (head := decode_head(value)) is not None:
                self._take_head(rest.decode(), head)
            return
        kind, _, _ = rest.partition(b"|")
        values = self._values.setdefault(kind.decode(), {})
        if value is None:
            values.pop(key, None)
        else:
            values[key] = value

    def _take_head(self, slot: str, head: Head) -> None:
        """Kinds never become fewer: an heir in a hurry may not have known of all when it put its name there."""
        before = self._heads.get(slot)
        fewer = before is not None and head.kinds < before.kinds
        self._heads[slot] = msgspec.structs.replace(head, kinds=before.kinds) if before and fewer else head

    def head(self, slot: str) -> Head | None:
        """Who holds this slot."""
        return self._heads.get(slot)

    @property
    def heads(self) -> Mapping[str, Head]:
        """Of all slots, also of earlier divisions."""
        return self._heads

    @property
    def kinds(self) -> list[str]:
        """Those that anything is known of."""
        return [kind for kind, values in self._values.items() if values]

    def forget(self, kind: str) -> None:
        """Let go of this kind."""
        self._values.pop(kind, None)

    def __len__(self) -> int:
        return sum(map(len, self._values.values()))

    def state(self, kind: str) -> KindState | None:
        """The kind's own record; None when there is none that can be read."""
        raw = self._values.get(kind, {}).get(kind_key(self.cluster, kind))
        try:
            return _kind.decode(raw) if raw else None
        except (msgspec.MsgspecError, UnicodeDecodeError):
            return None

    def lives(self, kind: str) -> Iterator[Known]:
        """The kind's lives. What cannot be read is left out: then the account does not fit."""
        values = self._values.get(kind, {})
        before = self._prefix + b"life|" + kind.encode() + b"|"
        steps = self._steps(kind)
        for key, raw in values.items():
            if not key.startswith(before):
                continue
            try:
                life = _life.decode(raw)
            except (msgspec.MsgspecError, UnicodeDecodeError):
                continue
            uid = key[len(before) :].decode()
            yield Known(uid, life, steps.get(uid, {}))

    def _steps(self, kind: str) -> dict[str, dict[int, Step]]:
        before = self._prefix + b"step|" + kind.encode() + b"|"
        found: dict[str, dict[int, Step]] = {}
        for key, raw in self._values.get(kind, {}).items():
            if key.startswith(before):
                uid, _, place = key[len(before) :].decode().rpartition("|")
                try:
                    found.setdefault(uid, {})[int(place)] = _step.decode(raw)
                except (msgspec.MsgspecError, ValueError):
                    continue
        return found


def positions_of(state: KindState) -> dict[str, Position]:
    """The resume points by namespace."""
    return {
        namespace: Position(rv=one.rv, epoch=one.epoch, at=one.at, version=one.version, since=one.since)
        for namespace, one in state.positions.items()
    }
