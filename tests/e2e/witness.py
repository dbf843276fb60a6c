"""The eyes of the truth: a process of its own that writes down every watch line with the moment at which it was read.

    python -m tests.e2e.witness URL TOKEN_FILE CA_FILE LOG

It is told on standard input what to watch (`KIND PATH RV` lines) and answers nothing; LOG gets one line per event,
`TIME KIND JSON`. It parses nothing but the last line before it has to resume, so that its clock is as good as it can
be, and it shares no line with the product.
"""

import contextlib
import json
import os
import ssl
import sys
import threading
import time
from pathlib import Path
from typing import BinaryIO

import urllib3


class Witness:
    """One thread per kind; all write to one log."""

    def __init__(self, pool: urllib3.PoolManager, url: str, token: str, log: BinaryIO) -> None:
        """Nothing is watched yet."""
        self._pool, self._url, self._log = pool, url, log
        self._headers = {"Authorization": f"Bearer {token}", "Accept-Encoding": "identity"}
        self._lock = threading.Lock()
        self._versions: dict[str, str] = {}

    def follow(self, kind: str, path: str, rv: str) -> None:
        """Watch until the server refuses; the refusal is written down like an event."""
        self._versions[kind] = rv
        while self._versions[kind]:
            with contextlib.suppress(urllib3.exceptions.HTTPError, OSError):
                self._watch(kind, path)
            time.sleep(0.2)

    def _watch(self, kind: str, path: str) -> None:
        query = f"watch=1&allowWatchBookmarks=true&timeoutSeconds=600&resourceVersion={self._versions[kind]}"
        url = f"{self._url}{path}?{query}"
        answer = self._pool.request("GET", url, headers=self._headers, preload_content=False, timeout=75)
        tail = last = b""
        try:
            while chunk := answer.read1(1 << 20):
                at = time.time()
                *lines, tail = (tail + chunk).split(b"\n")
                if lines:
                    last = lines[-1]
                    self._write(at, kind, lines)
        finally:
            answer.close()
            if last:
                told = json.loads(last)
                self._versions[kind] = "" if told["type"] == "ERROR" else told["object"]["metadata"]["resourceVersion"]

    def _write(self, at: float, kind: str, lines: list[bytes]) -> None:
        head = f"{at:.6f} {kind} ".encode()
        with self._lock:
            self._log.write(b"".join(head + line + b"\n" for line in lines))
            self._log.flush()


def main() -> None:
    """Follow what standard input names, until it ends."""
    url, token, ca, log = sys.argv[1:]
    with contextlib.suppress(PermissionError):
        os.nice(-10)
    context = ssl.create_default_context(cafile=ca)
    pool = urllib3.PoolManager(maxsize=200, ssl_context=context, retries=False)
    with Path(log).open("ab") as file:
        witness = Witness(pool, url, Path(token).read_text(encoding="ascii"), file)
        for line in sys.stdin:
            threading.Thread(target=witness.follow, args=tuple(line.split()), daemon=True).start()


if __name__ == "__main__":
    main()
