"""The redaction key: read from the file the operator names, or made once in the data directory, for its owner only.

The key turns Secret values into markers (keyed hashes); who holds it can test guesses, so it never leaves this file and
the collector's memory.
"""

import os
import secrets
from pathlib import Path

KEY_NAME = "redaction.key"
LEAST = 16


class KeyFileError(Exception):
    """The key cannot be had; the message says what to do."""


def load_key(named: Path | None, data: Path) -> bytes:
    """The key's bytes. A named file must exist; the data directory's own is made when missing."""
    if named is not None:
        return _read(named)
    own = data / KEY_NAME
    return _read(own) if own.exists() else _make(own)


def _read(file: Path) -> bytes:
    try:
        key = file.read_bytes().strip()
    except OSError as error:
        raise KeyFileError(f"cannot read the redaction key {file}: {error.strerror}") from None
    if len(key) < LEAST:
        raise KeyFileError(f"the redaction key in {file} is shorter than {LEAST} bytes: write a longer random one")
    return key


def _make(file: Path) -> bytes:
    key = secrets.token_hex(32).encode()
    try:
        # O_EXCL: of two starts at the same moment one makes the key, the other reads it.
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return _read(file)
    except OSError as error:
        raise KeyFileError(f"cannot make the redaction key {file}: {error.strerror}") from None
    with os.fdopen(descriptor, "wb") as stream:
        stream.write(key + b"\n")
        stream.flush()
        os.fsync(stream.fileno())
    return key
