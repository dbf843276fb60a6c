"""When the API server has forgotten what happened but etcd has not: nothing is lost, and no gap is declared."""

import contextlib
import itertools
import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Final

import pytest
import urllib3

from kubelapse import proofs
from schema.chdb import ChdbStore
from schema.events import Gap, Record
from tests.controlplane.api import Api, Json, Refused
from tests.controlplane.lab import Lab
from tests.e2e import compare
from tests.e2e.etcd import JSON, Etcd
from tests.e2e.level import wait_until_level
from tests.e2e.proxy import Proxy
from tests.e2e.recorder import Recorder
from tests.e2e.stored import events_of, gaps_of

pytestmark = [pytest.mark.controlplane, pytest.mark.timeout(600)]

HOME = "/api/v1/namespaces/default"
KINDS = ("configmaps", "secrets")
WRITES = 12
AWAY: Final = float(os.environ.get("KUBELAPSE_TEST_FORGOTTEN", "4"))
"""Seconds; the full proof takes 120."""
SEEN: Final = 10.0
"""Seconds after which every watch has noticed that it was cut off, and is behind."""


class Scribe:
    """Writes, and keeps what the server said: (kind, uid, version, what a watch would call it)."""

    def __init__(self, api: Api) -> None:
        self.api = api
        self.told: set[tuple[str, str, int, str]] = set()

    def create(self, resource: str, name: str) -> Json:
        return self._note(resource, "ADDED", self.api.post(f"{HOME}/{resource}", {"metadata": {"name": name}}))

    def change(self, resource: str, name: str) -> Json:
        body = {"metadata": {"labels": {"at": str(time.time_ns())}}}
        return self._note(resource, "MODIFIED", self.api.patch(f"{HOME}/{resource}/{name}", body))

    def delete(self, resource: str, name: str) -> None:
        """The deletion's own version is told to nobody: that of the next write is one more."""
        gone = self.api.get(f"{HOME}/{resource}/{name}")["metadata"]["uid"]
        self.api.delete(f"{HOME}/{resource}/{name}")
        self.told.add((resource, gone, 0, "DELETED"))

    def _note(self, resource: str, change: str, made: Json) -> Json:
        meta = made["metadata"]
        self.told.add((resource, meta["uid"], int(meta["resourceVersion"]), change))
        return made


def write_everything(scribe: Scribe, round_: str) -> None:
    """Changes, an end, a new life under an old name, and a life that neither end of the absence shows."""
    for resource in KINDS:
        for _ in range(WRITES):
            scribe.change(resource, "changed")
        scribe.delete(resource, f"deleted-{round_}")
        scribe.delete(resource, f"reborn-{round_}")
        scribe.create(resource, f"reborn-{round_}")
        scribe.create(resource, f"short-{round_}")
        scribe.change(resource, f"short-{round_}")
        scribe.delete(resource, f"short-{round_}")


def test_what_etcd_still_has_is_recorded_as_if_the_watch_had_never_broken(
    make_lab: Callable[..., Lab], tmp_path: Path
) -> None:
    lab = make_lab(controllers=True)
    recorder = Recorder(lab.kubeconfig, tmp_path / "data")
    scribe = Scribe(lab.client())
    for resource in KINDS:
        for name in ("changed", "deleted-away", "reborn-away", "deleted-down", "reborn-down"):
            scribe.create(resource, name)
    recorder.start()
    before = set(scribe.told)

    recorder.kill()  # away, and the API server begins anew: its watch cache knows nothing of it
    write_everything(scribe, "away")
    lab.kill("apiserver")
    lab.revive()
    scribe.api = lab.client()
    write_everything(scribe, "down")
    began = time.monotonic()
    recorder.start()
    newest = max(int(scribe.api.get(f"{HOME}/{one}", limit="1")["metadata"]["resourceVersion"]) for one in KINDS)
    for resource in KINDS:
        recorder.wait_for(resource, newest - 1, seconds=90)
    took = time.monotonic() - began
    wait_until_level(recorder, seconds=150)
    coverage = recorder.ask("/coverage", since="10m")["coverage"]
    print(f"healed {took:.1f} s after the start; gaps: {coverage['gaps']}; {healings(recorder)}")
    assert not [gap for gap in coverage["gaps"] if gap["resource"] != "events"]
    assert recorder.stop() == 0, recorder.tail()

    rows = [row for row in rows_of(recorder.data) if row.kind in KINDS and row.namespace == "default"]
    healed = [row for row in rows if row.origin == "healed"]
    assert scribe.told - before <= {as_told(row) for row in healed}
    assert all(is_end(scribe.api, row) for row in healed if row.op == "delete")
    assert not [row for row in rows if row.origin == "relist"]
    assert compare.chains(rows) == []
    assert compare.patches(rows) == []


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What was recorded of ConfigMaps beside what etcd had of them; `due`: since the recorder was there."""

    truth: Sequence[proofs.Committed]
    due: Sequence[proofs.Committed]
    records: Sequence[Record]
    gaps: Sequence[Gap]
    compacted: int

    @property
    def missing(self) -> list[str]:
        return proofs.complete(self.truth, [*self.records], due=self.due, slack=timedelta(0))

    @property
    def undeclared(self) -> list[str]:
        """What is missing and lies in no gap; by time the two ends can only be told apart as far as etcd is read."""
        return proofs.complete(self.truth, [*self.records, *self.gaps], due=self.due, slack=timedelta(seconds=0.75))

    @property
    def wrong(self) -> list[str]:
        living = {f"{one.kind}/{one.uid}": one for one in self.truth}
        rvs = {life: one.rv for life, one in living.items() if one.change != "DELETED"}
        found = [*proofs.unique(self.records), *proofs.chained(self.records), *proofs.patched(self.records)]
        return [*found, *proofs.stated(self.truth, self.records), *proofs.ended(self.truth, self.records, rvs)]


def test_an_api_server_that_restarts_and_forgets_under_writes_costs_nothing(
    make_lab: Callable[..., Lab], tmp_path: Path
) -> None:
    outcome = forgotten(make_lab(controllers=True, apiserver_flags=(JSON,)), tmp_path, compact=False)
    assert outcome.wrong == []
    assert outcome.missing == []
    assert outcome.gaps == []


def test_what_etcd_has_compacted_in_between_is_exactly_what_the_gap_covers(
    make_lab: Callable[..., Lab], tmp_path: Path
) -> None:
    outcome = forgotten(make_lab(controllers=True, apiserver_flags=(JSON,)), tmp_path, compact=True)
    assert outcome.wrong == []
    assert outcome.missing
    assert outcome.undeclared == []
    (gap,) = outcome.gaps
    lost = [int(complaint.split()[4]) for complaint in outcome.missing]
    assert all(int(gap.from_rv) < one <= int(gap.to_rv) for one in lost)
    assert gap.reason == "expired"


def forgotten(lab: Lab, home: Path, *, compact: bool) -> Outcome:
    """Cut off for `AWAY` seconds from a server under 20 writes/s that is killed at their beginning and at their end.

    Who is killed at the beginning alone forgets nothing: while it is down nobody writes, and its caches begin there.
    """
    etcd, proxy, scribe = Etcd(lab, {"configmaps": "/registry/configmaps/"}), Proxy(lab.url), Scribe(lab.client())
    only = ("--kinds", ",".join(KINDS)) if compact else ()  # compaction cuts every kind off: two are enough to wait for
    recorder = Recorder(proxy.kubeconfig(lab.kubeconfig, home / "kubeconfig"), home / "data", only)
    scribe.create("configmaps", "changed")
    recorder.start()
    begun, compacted = etcd.revision(), 0
    with writing(scribe, per_second=20):
        time.sleep(3)
        proxy.shut()
        begin_anew(lab)
        time.sleep(AWAY / 2)
        compacted = etcd.compact() if compact else 0
        time.sleep(AWAY / 2)
        begin_anew(lab)
        proxy.reopen()
        time.sleep(5)
    recorder.wait_for("configmaps", etcd.newest("configmaps"), seconds=90)
    time.sleep(SEEN)
    wait_until_level(recorder, seconds=150)
    print(f"{AWAY:.0f} s away, compacted at {compacted}: {healings(recorder)}")
    assert recorder.stop() == 0, recorder.tail()
    etcd.stop()
    proxy.close()
    return outcome_of(recorder.data, etcd, begun=begun, compacted=compacted)


def begin_anew(lab: Lab) -> None:
    """Its watch caches know nothing of what was before."""
    lab.kill("apiserver")
    lab.revive()


def outcome_of(data: Path, etcd: Etcd, *, begun: int, compacted: int) -> Outcome:
    """What a stopped recorder's store has."""
    store = ChdbStore.open(data / "store")
    try:
        events = events_of(row for row in compare.stored(store) if row.kind == "configmaps")
        gaps = gaps_of(store)
    finally:
        store.close()
    origins = {origin: sum(one.origin == origin for one in events) for origin in {one.origin for one in events}}
    others = sorted({f"{one.resource} {one.reason}" for one in gaps if one.resource != "configmaps"})
    truth = etcd.writes
    due = [one for one in truth if int(one.rv) > begun]
    mine = [one for one in gaps if one.resource == "configmaps"]
    outcome = Outcome(truth=truth, due=due, records=events, gaps=mine, compacted=compacted)
    print(f"{len(due)} writes, recorded: {origins}; missing: {len(outcome.missing)}, outside gaps:"
          f" {len(outcome.undeclared)}; gaps: {[(one.reason, one.from_rv, one.to_rv) for one in mine]};"
          f" other kinds: {others}")  # fmt: skip
    return outcome


@contextlib.contextmanager
def writing(scribe: Scribe, *, per_second: float) -> Iterator[None]:
    """Changes, and short lives, in the background; what fails while there is no server is not counted."""
    stop = threading.Event()

    def work() -> None:
        for number in itertools.count():
            if stop.wait(1 / per_second):
                return
            with contextlib.suppress(Refused, urllib3.exceptions.HTTPError):
                if number % 4 == 0:
                    scribe.create("configmaps", f"short-{number // 4}")
                elif number % 4 == 3:
                    scribe.delete("configmaps", f"short-{number // 4}")
                else:
                    scribe.change("configmaps", "changed")

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    yield
    stop.set()
    thread.join()


def is_end(api: Api, row: compare.Stored) -> bool:
    """The object was there one version before, and not at this one."""
    uids = [
        {
            item["metadata"]["uid"]
            for item in api.items(
                f"{HOME}/{row.resource}",
                fieldSelector=f"metadata.name={row.name}",
                resourceVersion=str(version),
                resourceVersionMatch="Exact",
            )
        }
        for version in (int(row.rv) - 1, int(row.rv))
    ]
    return row.uid in uids[0] - uids[1]


def as_told(row: compare.Stored) -> tuple[str, str, int, str]:
    """As a Scribe knows it."""
    kind, uid, rv, change = row.key
    return kind, uid, rv if change != "DELETED" else 0, change


def healings(recorder: Recorder) -> str:
    """The counters, for the reader of the test's output."""
    text = recorder.http.request("GET", f"{recorder.url}/metrics", timeout=10).data.decode()
    lines = [
        line for line in text.splitlines() if "heal" in line and not line.startswith("#") and "created" not in line
    ]
    totals: dict[str, float] = {}
    for line in lines:
        name = line.partition("{")[0]
        totals[name] = totals.get(name, 0.0) + float(line.rpartition(" ")[2])
    return str(totals)


def rows_of(data: Path) -> list[compare.Stored]:
    """Every row of a stopped recorder's store."""
    store = ChdbStore.open(data / "store")
    try:
        return compare.stored(store)
    finally:
        store.close()
