"""The truth that Kubelapse is measured against: an independent watch of every kind, kept whole in memory.

It shares nothing with the product: own client, own threads, own bookkeeping. One thread per kind lists once, then
watches and resumes by resourceVersion; what it could not resume is an error of the test, not of the product.
"""

import threading
import time
from dataclasses import dataclass, field

import urllib3

from tests.controlplane.api import Api, Json, Refused

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


@dataclass(slots=True)
class Truth:
    """Watches until stopped. `start` maps a kind to the resourceVersion from which its truth is complete."""

    api: Api
    seen: list[Seen] = field(default_factory=list)
    start: dict[str, int] = field(default_factory=dict)
    errors: list[str] = field(default_factory=list)
    _stop: threading.Event = field(default_factory=threading.Event)
    _threads: list[threading.Thread] = field(default_factory=list)

    def watch(self, paths: dict[str, str]) -> None:
        """Begin with these kinds (`resource.group` → collection path); returns once every one is listed."""
        ready = []
        for kind, path in paths.items():
            if kind not in self.start and kind.partition(".")[0] not in SKIPPED:
                done = threading.Event()
                ready.append(done)
                thread = threading.Thread(
                    target=self._follow, args=(kind, path, done), daemon=True, name=f"truth {kind}"
                )
                self._threads.append(thread)
                thread.start()
        for done in ready:
            if not done.wait(30):
                raise TimeoutError("the truth could not list a kind within 30 s")

    def _follow(self, kind: str, path: str, done: threading.Event) -> None:
        rv = int(self.api.get(path, limit="1")["metadata"]["resourceVersion"])
        self.start[kind] = rv
        done.set()
        while not self._stop.is_set():
            try:
                window = {"resourceVersion": str(rv), "allowWatchBookmarks": "true", "timeoutSeconds": "300"}
                for event in self.api.watch(path, timeout=75, **window):
                    rv = self._take(kind, event)
                    if self._stop.is_set():
                        return
            except Refused as error:
                if error.status == 410:
                    self.errors.append(f"{kind}: the truth itself was cut off at {rv}")
                    return
                self._stop.wait(0.3)
            except (urllib3.exceptions.HTTPError, OSError):
                self._stop.wait(0.3)

    def _take(self, kind: str, event: Json) -> int:
        at = time.time()
        if event["type"] == "ERROR":
            raise Refused(int(event["object"].get("code", 500)), str(event["object"].get("message")))
        new = int(event["object"]["metadata"]["resourceVersion"])
        if event["type"] != "BOOKMARK":
            self.seen.append(Seen(kind, event["type"], event["object"]["metadata"]["uid"], new, at, event["object"]))
        return new

    def newest(self) -> dict[str, int]:
        """The last resourceVersion that was seen of each kind that changed."""
        newest: dict[str, int] = {}
        for seen in self.seen:
            newest[seen.kind] = max(newest.get(seen.kind, 0), seen.rv)
        return newest

    def stop(self) -> None:
        """End; threads that hang in a read are left to the process's end."""
        self._stop.set()


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
