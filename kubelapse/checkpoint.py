"""The checkpoint file: where each watch goes on after a restart, one small file per cluster in the data directory.

The file is the only thing that embedded capture keeps beside the store, so it must be either whole or known to be
broken: it is written to a temporary file, synced, renamed, and the directory is synced too; a BLAKE2b checksum covers
the content. A damaged file is never repaired and never guessed at: capture then compares fresh lists with memory and
says what it lost.

Format version 1, one JSON object: `format`, `cluster`, `cluster_uid`, `scopes` (str(Scope) → `rv epoch at version
since`), `checksum` (hex, over the canonical JSON of everything else).
"""

import contextlib
import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Final

import msgspec
import orjson

from collector.sink import Position
from schema.objects import CLUSTER_NAME, Scope

FORMAT: Final = 1


class CheckpointError(Exception):
    """The checkpoint cannot be read or written, with a sentence that says what to do."""


class CheckpointDamaged(CheckpointError):
    """The file is there, but what it says cannot be trusted."""


class CheckpointUnwritable(CheckpointError):
    """The disk or the rights do not allow writing it."""


class _Saved(msgspec.Struct, frozen=True):
    """One scope, as it stands in the file."""

    rv: str
    epoch: int
    at: datetime
    version: str
    since: datetime


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The whole file."""

    format: int
    cluster: str
    cluster_uid: str
    scopes: dict[str, _Saved]
    checksum: str


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """What a checkpoint says: the cluster's identity and the resume point of each scope."""

    cluster_uid: str
    positions: Mapping[Scope, Position] = field(default_factory=dict)


class Checkpoint:
    """One cluster's checkpoint file in the data directory `directory`."""

    def __init__(self, directory: Path, cluster: str) -> None:
        if not CLUSTER_NAME.fullmatch(cluster):
            raise ValueError(f"{cluster!r} is no cluster name: use letters, digits and . _ @ - (at most 100)")
        self.cluster = cluster
        self.path = directory / f"checkpoint-{cluster}.json"

    def load(self) -> State | None:
        """What was saved last; None when nothing ever was. Raises CheckpointDamaged."""
        try:
            raw = self.path.read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise CheckpointDamaged(f"the checkpoint {self.path} cannot be read: {error.strerror}") from error
        return self._parse(raw)

    def save(self, state: State) -> None:
        """Replace the file by this state; after return it survives a power cut. Raises CheckpointUnwritable."""
        try:
            _replace(self.path, self._render(state))
        except OSError as error:
            raise CheckpointUnwritable(
                f"the checkpoint {self.path} cannot be written ({error.strerror}): free space or give the right to "
                "write; until then a restart begins from the last one written"
            ) from error

    def _render(self, state: State) -> bytes:
        scopes = {
            str(scope): {"rv": p.rv, "epoch": p.epoch, "at": p.at, "version": p.version, "since": p.since}
            for scope, p in state.positions.items()
        }
        body = {"format": FORMAT, "cluster": self.cluster, "cluster_uid": state.cluster_uid, "scopes": scopes}
        return orjson.dumps({**body, "checksum": _checksum(_canonical(body))}, option=orjson.OPT_INDENT_2) + b"\n"

    def _parse(self, raw: bytes) -> State:
        try:
            document = orjson.loads(raw)
            found = document.pop("format") if isinstance(document, dict) else None
            if isinstance(found, int) and found != FORMAT:
                raise self._damaged(f"it has format {found}, this version reads {FORMAT}")
            saved = msgspec.json.decode(raw, type=_File)
        except (ValueError, KeyError, msgspec.MsgspecError) as error:
            raise self._damaged("it is torn or no checkpoint at all") from error
        claimed = document.pop("checksum")
        if claimed != _checksum(_canonical({"format": FORMAT, **document})):
            raise self._damaged("its checksum does not match its content")
        if saved.cluster != self.cluster:
            raise self._damaged(f"it belongs to the cluster {saved.cluster}")
        return State(
            cluster_uid=saved.cluster_uid,
            positions={Scope.parse(scope): _position(one) for scope, one in saved.scopes.items()},
        )

    def _damaged(self, why: str) -> CheckpointDamaged:
        return CheckpointDamaged(f"the checkpoint {self.path} is damaged: {why}")


def _position(saved: _Saved) -> Position:
    return Position(rv=saved.rv, epoch=saved.epoch, at=saved.at, version=saved.version, since=saved.since)


def _canonical(body: Mapping[str, object]) -> bytes:
    return orjson.dumps(body, option=orjson.OPT_SORT_KEYS)


def _checksum(content: bytes) -> str:
    return hashlib.blake2b(content, digest_size=16).hexdigest()


def _replace(path: Path, content: bytes) -> None:
    temporary = path.with_name(path.name + ".new")
    try:
        with temporary.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise
    _sync_directory(path.parent)


def _sync_directory(directory: Path) -> None:
    """A rename survives a power cut only once its directory is synced."""
    handle = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
