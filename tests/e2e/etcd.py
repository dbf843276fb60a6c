"""Etcd behind the API server's back: every revision as it was committed, and compaction when it is ordered.

The API server of the lab stores JSON (`JSON`), so what etcd keeps is the very object. A watch of etcd is the truth that
no restart of an API server and no compaction cuts off, because it is read as it happens; it shares nothing with the
product. Asked through etcd's own JSON gateway.
"""

import base64
import contextlib
import json
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import urllib3

from kubelapse.proofs import Committed
from schema.canonical import canonical, strip_envelope
from tests.controlplane.lab import Lab

JSON: Final = "--storage-media-type=application/json"
"""Flag of the API server under which this can be read."""
Message = dict[str, Any]


class Etcd:
    """Follows the keys of some kinds from the first revision on, in a thread of its own, until `stop`.

    `kinds`: `resource.group` → prefix of its keys; all of them are namespaced.
    """

    def __init__(self, lab: Lab, kinds: Mapping[str, str]) -> None:
        arguments = Path(f"/proc/{lab.pids()['apiserver']}/cmdline").read_text().split("\0")
        self._url = next(one.partition("=")[2] for one in arguments if one.startswith("--etcd-servers="))
        self._http = urllib3.PoolManager(retries=False)
        self._stopping = threading.Event()
        self.told: dict[str, list[Committed]] = {kind: [] for kind in kinds}
        self._answers: dict[str, urllib3.BaseHTTPResponse] = {}
        self._threads = [threading.Thread(target=self._follow, args=one, daemon=True) for one in kinds.items()]
        for thread in self._threads:
            thread.start()

    @property
    def writes(self) -> list[Committed]:
        """What was committed so far, in order of revisions."""
        return sorted((one for told in self.told.values() for one in told), key=lambda one: int(one.rv))

    def newest(self, kind: str) -> int:
        """The last revision in which this kind was written."""
        return int(self.told[kind][-1].rv) if self.told[kind] else 0

    def living(self) -> dict[str, str]:
        """`kind/uid` → version, of everything that exists now."""
        lives = {f"{one.kind}/{one.uid}": one for one in self.writes}
        return {life: one.rv for life, one in lives.items() if one.change != "DELETED"}

    def revision(self) -> int:
        """Of the whole store."""
        return int(self._ask("kv/range", key=_coded("/"))["header"]["revision"])

    def compact(self) -> int:
        """Forget everything that is not the newest as of now; that revision."""
        now = self.revision()
        self._ask("kv/compaction", revision=now, physical=True)
        return now

    def stop(self) -> None:
        """Tell no more."""
        self._stopping.set()
        for answer in list(self._answers.values()):
            with contextlib.suppress(urllib3.exceptions.HTTPError, OSError, RuntimeError, ValueError):
                answer.shutdown()
        for thread in self._threads:
            thread.join()
        self._http.clear()

    def _ask(self, what: str, **body: object) -> Message:
        answer = self._http.request("POST", f"{self._url}/v3/{what}", body=json.dumps(body), timeout=20)
        assert answer.status == 200, answer.data
        found: Message = json.loads(answer.data)
        return found

    def _follow(self, kind: str, prefix: str) -> None:
        lives = _Lives(kind, prefix)
        while not self._stopping.is_set():
            with contextlib.suppress(urllib3.exceptions.HTTPError, OSError):
                for event, at in self._events(prefix, lives.revision + 1):
                    if not self._stopping.is_set():
                        self.told[kind].append(lives.take(event, at))

    def _events(self, prefix: str, since: int) -> Iterator[tuple[Message, datetime]]:
        asked = {"key": _coded(prefix), "range_end": _coded(prefix[:-1] + chr(ord(prefix[-1]) + 1))}
        body = json.dumps({"create_request": {**asked, "start_revision": since}})
        with self._http.request("POST", f"{self._url}/v3/watch", body=body, preload_content=False) as answer:
            self._answers[prefix] = answer
            rest = b""
            while chunk := answer.read1(1 << 20):
                at = datetime.now(UTC)
                *lines, rest = (rest + chunk).split(b"\n")
                for line in lines:
                    result = json.loads(line).get("result", {})  # an error is told before the stream ends
                    assert not result.get("compact_revision"), "etcd was compacted before this truth was read"
                    for event in result.get("events", ()):
                        yield event, at


@dataclass(slots=True)
class _Lives:
    """What stands under each key of a kind: a deletion names neither its uid nor its content."""

    kind: str
    prefix: str
    revision: int = 0
    _states: dict[str, Message] = field(default_factory=dict)

    def take(self, event: Message, at: datetime) -> Committed:
        """A write as the proofs want it."""
        entry, deleted = event["kv"], event.get("type") == "DELETE"
        key = base64.b64decode(entry["key"]).decode()
        before = self._states.pop(key, None)
        state: Message | None = before if deleted else json.loads(base64.b64decode(entry["value"]))
        assert state is not None
        if not deleted:
            self._states[key] = state
        self.revision = int(entry["mod_revision"])
        namespace, name = key.removeprefix(self.prefix).split("/")
        kept = {**state, "metadata": dict(state["metadata"])}
        strip_envelope(kept)
        return Committed(
            kind=self.kind,
            namespace=namespace,
            name=name,
            uid=state["metadata"]["uid"],
            rv=str(self.revision),
            change="DELETED" if deleted else "ADDED" if before is None else "MODIFIED",
            era=0,
            at=at,
            state=canonical(kept),
        )


def _coded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()
