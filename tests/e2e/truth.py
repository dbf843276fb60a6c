"""The truth that Kubelapse is measured against: an independent watch (`tests.e2e.witness`), read back.

It shares nothing with the product: own client, own process, own bookkeeping. What the witness could not resume is an
error
of the test, not of the product.
"""

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from tests.controlplane.api import Api, Json

SKIPPED = {"events", "leases", "endpoints", "componentstatuses"}


@dataclass(frozen=True, slots=True)
class Seen:
    """One watch event: when it was read (Unix seconds), and the object as served."""

    kind: str
    type: str
    uid: str
    rv: int
    at: float
    object: Json

    @property
    def key(self) -> tuple[str, str, int, str]:
        """What must be recorded exactly once."""
        return (self.kind, self.uid, self.rv, self.type)


class Truth:
    """Watches until stopped; then `seen` is everything, in the order in which it was read."""

    def __init__(self, api: Api, ca: str, home: Path) -> None:
        """`home`: a directory for the log. `start` maps a kind to the version from which its truth is complete."""
        home.mkdir(parents=True, exist_ok=True)
        self.api, self._log = api, home / "witness.log"
        self.start: dict[str, int] = {}
        (home / "token").write_text(api.token, encoding="ascii")
        (home / "ca.crt").write_text(ca, encoding="ascii")
        files = [str(home / name) for name in ("token", "ca.crt", "witness.log")]
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.e2e.witness", api.url, *files], stdin=subprocess.PIPE, text=True
        )

    def watch(self, paths: dict[str, str]) -> None:
        """From now on also these kinds (`resource.group` → collection path)."""
        assert self._process.stdin is not None
        for kind, path in paths.items():
            if kind not in self.start and kind.partition(".")[0] not in SKIPPED:
                rv = self.api.get(path, limit="1")["metadata"]["resourceVersion"]
                self.start[kind] = int(rv)
                print(kind, path, rv, file=self._process.stdin, flush=True)

    def stop(self) -> None:
        """End the witness."""
        self._process.kill()
        self._process.wait()
        if self._process.stdin is not None:
            self._process.stdin.close()

    @cached_property
    def seen(self) -> list[Seen]:
        """Every event; to be asked after `stop`."""
        return [seen for seen in self._lines() if seen.type not in ("BOOKMARK", "ERROR")]

    @property
    def errors(self) -> list[str]:
        """Where the truth itself was cut off."""
        return [
            f"the truth of {seen.kind} was cut off: {seen.object}" for seen in self._lines() if seen.type == "ERROR"
        ]

    def count(self) -> int:
        """Events so far."""
        return sum(1 for line in self._text() if b'{"type":"BOOKMARK"' not in line[:120])

    def newest(self) -> dict[str, int]:
        """The last version that was seen of each kind that changed."""
        newest: dict[str, int] = {}
        for seen in self._lines():
            if seen.type != "BOOKMARK":
                newest[seen.kind] = max(newest.get(seen.kind, 0), seen.rv)
        return newest

    def _text(self) -> Iterator[bytes]:
        if self._log.exists():
            with self._log.open("rb") as file:
                yield from file

    def _lines(self) -> Iterator[Seen]:
        for line in self._text():
            at, kind, text = line.split(b" ", 2)
            if text.strip() and text.endswith(b"}\n"):
                event = json.loads(text)
                meta = event["object"]["metadata"]
                rv = int(meta.get("resourceVersion") or 0)
                yield Seen(kind.decode(), event["type"], meta.get("uid", ""), rv, float(at), event["object"])


def served(api: Api) -> dict[str, str]:
    """Every kind that can be listed and watched: `resource.group` → collection path, the preferred version only."""
    found: dict[str, str] = {}
    groups = api.get("/apis")["groups"]
    roots = ["/api/v1"] + [
        f"/apis/{version['groupVersion']}" for group in groups for version in _preferred_first(group)
    ]
    for root in roots:
        group = root.split("/")[2] if root.startswith("/apis/") else ""
        for resource in api.get(root)["resources"]:
            kind = f"{resource['name']}.{group}" if group else resource["name"]
            if "/" not in resource["name"] and {"list", "watch"} <= set(resource["verbs"]) and kind not in found:
                found[kind] = f"{root}/{resource['name']}"
    return found


def _preferred_first(group: Json) -> list[Json]:
    preferred = group["preferredVersion"]["groupVersion"]
    return sorted(group["versions"], key=lambda version: version["groupVersion"] != preferred)
