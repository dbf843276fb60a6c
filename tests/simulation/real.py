"""Seeds on a real control plane: `kubelapse up` under kills, freezes, cuts, restarts and compactions, in real time.

    python -m tests.simulation.real --seeds 0:20
    python -m tests.simulation.real --seeds 7 --keep kept/seed7      # keeps what was written

Per seed: a control plane of its own, 20 s of writes, up to five faults, then everything is let come level. The truth is
etcd itself, watched from its first revision on, so no restart and no compaction cuts it off. The proofs are those of
`tests.simulation.run`, but for `claimed` (a store keeps only the newest of its claims).
"""

import argparse
import contextlib
import random
import shutil
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

import urllib3

from kubelapse import proofs
from schema.chdb import ChdbStore
from schema.events import Event, Gap, Record
from tests.controlplane.api import Api, Refused
from tests.controlplane.lab import Lab
from tests.e2e import compare
from tests.e2e.etcd import JSON, Etcd
from tests.e2e.proxy import Proxy
from tests.e2e.recorder import Recorder
from tests.e2e.stored import events_of, gaps_of
from tests.e2e.writer import CRD
from tests.simulation.faults import Fault
from tests.simulation.seeds import seeds_of

PREFIXES: Final = {
    "configmaps": "/registry/configmaps/",
    "serviceaccounts": "/registry/serviceaccounts/",
    "widgets.example.org": "/registry/example.org/widgets/",
}
"""Watched kinds, and where etcd has them."""
PATHS: Final = {
    "configmaps": "/api/v1/namespaces/default/configmaps",
    "serviceaccounts": "/api/v1/namespaces/default/serviceaccounts",
    "widgets.example.org": "/apis/example.org/v1/namespaces/default/widgets",
}
RECORDED: Final = (*PREFIXES, "customresourcedefinitions.apiextensions.k8s.io")
FAULTS: Final = ("kill", "terminate", "freeze", "cut", "stall", "server-kill", "server-freeze", "compact")
LENGTH: Final = 20.0
PER_SECOND: Final = 20.0
PATIENCE: Final = 300.0
"""Seconds for any step; on a machine of its own each takes a few."""
SLACK: Final = timedelta(seconds=compare.LIVE + compare.READ)
"""What a stream that counts as current may be behind, and how late etcd's watch is read on a busy machine."""
COVERED: Final = timedelta(seconds=compare.READ)


@dataclass(frozen=True, slots=True)
class Plan:
    """One seed's faults; `seconds` of each are how long it lasts."""

    seed: int
    faults: Sequence[Fault]

    def has(self, *names: str) -> bool:
        """Whether one of these goes wrong."""
        return any(one.name in names for one in self.faults)

    def __str__(self) -> str:
        told = ", ".join(f"{one.name} at {one.at:.1f} for {one.seconds:.1f} s" for one in self.faults)
        return f"seed {self.seed}: {told or 'nothing goes wrong'}"


def drawn(seed: int) -> Plan:
    """The plan of this seed; something of a kind is over before it happens again."""
    chance = random.Random(seed)
    over: dict[str, float] = {}
    faults = []
    for at in sorted(chance.uniform(1, LENGTH - 2) for _ in range(chance.randrange(1, 6))):
        fault = Fault(at, chance.choice(FAULTS), "", chance.choice((0.5, 2.0, chance.uniform(0, 8))))
        if at >= over.get(_whom(fault.name), 0.0):
            over[_whom(fault.name)] = at + fault.seconds
            faults.append(fault)
    return Plan(seed, faults)


def _whom(name: str) -> str:
    """What a fault befalls."""
    return {"cut": "way", "stall": "way", "compact": "etcd"}.get(name, "server" if "server" in name else "collector")


@dataclass(slots=True)
class Writers:
    """Changes, beginnings and ends at random; what the server does not take is simply another try."""

    api: Api
    chance: random.Random
    living: set[tuple[str, str]] = field(default_factory=set)
    taken: int = 0

    @contextlib.contextmanager
    def writing(self) -> Iterator[None]:
        """In the background, at `PER_SECOND`."""
        stop = threading.Event()

        def work() -> None:
            while not stop.wait(1 / PER_SECOND):
                with contextlib.suppress(Refused, urllib3.exceptions.HTTPError):
                    self._write()
                    self.taken += 1

        thread = threading.Thread(target=work, daemon=True)
        thread.start()
        yield
        stop.set()
        thread.join()

    def _write(self) -> None:
        key = kind, name = self.chance.choice(list(PATHS)), f"o{self.chance.randrange(6)}"
        labels = {"labels": {"at": str(self.chance.random())}}
        if key not in self.living:
            self.living.add(key)
            head = {"apiVersion": "example.org/v1", "kind": "Widget"} if kind.startswith("widgets") else {}
            self.api.post(PATHS[kind], {**head, "metadata": {"name": name, **labels}})
        elif self.chance.random() < 0.15:
            self.living.discard(key)
            self.api.delete(f"{PATHS[kind]}/{name}")
        else:
            self.api.patch(f"{PATHS[kind]}/{name}", {"metadata": labels})


class Run:
    """One seed."""

    def __init__(self, plan: Plan, lab: Lab, home: Path) -> None:
        self.plan, self.lab = plan, lab
        api = lab.client()
        api.post("/apis/apiextensions.k8s.io/v1/customresourcedefinitions", CRD)
        self.etcd = Etcd(lab, PREFIXES)
        self.proxy = Proxy(lab.url)
        kubeconfig = self.proxy.kubeconfig(lab.kubeconfig, home / "kubeconfig")
        self.recorder = Recorder(kubeconfig, home / "data", ("--kinds", ",".join(RECORDED)))
        self.writers = Writers(api, random.Random(plan.seed + 1))
        self.wanted = True
        self.compacted = 0
        self.events: list[Event] = []
        self.gaps: list[Gap] = []
        self.stalls: list[tuple[datetime, datetime]] = []

    def go(self) -> None:
        """All of it, until everything is level again."""
        self.recorder.start(ready=False)
        self.recorder.wait_ready(PATIENCE)
        self._await_watches()
        self.begun = datetime.now().astimezone()
        with self.writers.writing():
            self._befall()
        self._supervise()
        self.recorder.wait_ready(PATIENCE)
        for kind in PREFIXES:
            self.recorder.wait_for(kind, self.etcd.newest(kind), seconds=PATIENCE)
        assert self.recorder.stop() == 0, self.recorder.tail()
        self.etcd.stop()

    def close(self) -> None:
        """Leave nothing behind."""
        self.proxy.close()
        if self.recorder.process is not None and self.recorder.process.poll() is None:
            self.recorder.signal(signal.SIGCONT)
            self.recorder.kill()

    def _await_watches(self) -> None:
        deadline = time.monotonic() + PATIENCE
        while not all(self.recorder.ask("/coverage", kind=kind)["watched"] for kind in PREFIXES):
            assert time.monotonic() < deadline, self.recorder.tail()
            time.sleep(0.2)

    def _befall(self) -> None:
        acts: list[tuple[float, Callable[[], None]]] = [(LENGTH, lambda: None)]
        for one in self.plan.faults:
            name = "_" + one.name.replace("-", "_")
            acts += [(one.at, getattr(self, name)), (one.at + one.seconds, getattr(self, "_after" + name))]
        zero = time.monotonic()
        for at, act in sorted(acts, key=lambda each: each[0]):
            while (left := zero + at - time.monotonic()) > 0:
                time.sleep(min(left, 0.5))
                self._supervise()
            act()

    def _supervise(self) -> None:
        """Begin again what has ended by itself, as a supervisor does."""
        process = self.recorder.process
        if self.wanted and process is not None and process.poll() is not None:
            self.recorder.start(ready=False)

    # ---- faults ---------------------------------------------------------------------------------------------------

    def _kill(self) -> None:
        self.wanted = False
        self.recorder.kill()

    def _after_kill(self) -> None:
        self.wanted = True
        self._supervise()

    def _terminate(self) -> None:
        self.wanted = False
        self.recorder.stop()

    _after_terminate = _after_kill

    def _freeze(self) -> None:
        self.recorder.signal(signal.SIGSTOP)

    def _after_freeze(self) -> None:
        self.recorder.signal(signal.SIGCONT)

    def _cut(self) -> None:
        self.proxy.cut()

    def _after_cut(self) -> None:
        self.proxy.cut()

    def _stall(self) -> None:
        self._stalled = datetime.now().astimezone()
        self.proxy.hold()

    def _after_stall(self) -> None:
        self.proxy.release()
        self.stalls.append((self._stalled, datetime.now().astimezone()))

    def _server_kill(self) -> None:
        self.lab.kill("apiserver")

    def _after_server_kill(self) -> None:
        self.lab.revive()

    def _server_freeze(self) -> None:
        self._frozen = datetime.now().astimezone()
        self.lab.freeze("apiserver")

    def _after_server_freeze(self) -> None:
        self.lab.thaw("apiserver")
        self.stalls.append((self._frozen, datetime.now().astimezone()))

    def _compact(self) -> None:
        self.compacted = self.etcd.compact()

    def _after_compact(self) -> None:
        return None

    # ---- the end --------------------------------------------------------------------------------------------------

    def complaints(self) -> list[str]:
        """What the proofs say of the store, each with the name of its proof."""
        store = ChdbStore.open(self.recorder.data / "store")
        try:
            rows = compare.stored(store)
            events = events_of(row for row in rows if row.kind in PREFIXES)
            declared = [gap for gap in gaps_of(store) if gap.resource not in ("events", "customresourcedefinitions")]
        finally:
            store.close()
        self.gaps, self.events = declared, events
        return [f"{name}: {one}" for name, found in self._proved(rows) for one in found]

    def _proved(self, rows: Sequence[compare.Stored]) -> Iterator[tuple[str, list[str]]]:
        records: list[Record] = [*self.events, *self.gaps]
        truth = self.etcd.writes
        due = [one for one in truth if one.at > self.begun]
        yield "unique", proofs.unique(records)
        yield "chained", proofs.chained(records)
        yield "patched", compare.patches(rows)
        yield "ordered", proofs.ordered(records)
        yield "stated", proofs.stated(truth, records)
        yield "ended", proofs.ended(truth, records, self.etcd.living())
        yield "warranted", proofs.warranted(records, PREFIXES if self.compacted else ())
        yield "narrow", [f"{one.reason} up to {one.to_rv}" for one in self.gaps if self._too_wide(one)]
        yield "complete", proofs.complete(truth, records, due=due, slack=COVERED)
        yield "dated", proofs.dated([one for one in truth if not self._unknowable(one)], records, slack=SLACK)

    def _too_wide(self, gap: Gap) -> bool:
        """Etcd keeps everything from the compacted revision on."""
        return gap.reason == "expired" and int(gap.to_rv) > self.compacted

    def _unknowable(self, one: proofs.Committed) -> bool:
        """A deletion carries no time of its own: one that was held back on its way is dated when it came."""
        return one.change == "DELETED" and any(low - SLACK <= one.at <= high + SLACK for low, high in self.stalls)


def one_seed(seed: int, home: Path) -> tuple[Plan, list[str], str]:
    """The plan, what is wrong, and what came of it in a few words."""
    plan = drawn(seed)
    with Lab(home / "lab", apiserver_flags=(JSON,)) as lab:
        run = Run(plan, lab, home)
        try:
            run.go()
            complaints = run.complaints()
        except AssertionError as error:
            return plan, [f"stuck: {error}"], ""
        finally:
            run.close()
    origins = {one.origin for one in run.events}
    told = {origin: sum(one.origin == origin for one in run.events) for origin in sorted(origins)}
    return plan, complaints, f"{run.writers.taken} writes, {told}, {len(run.gaps)} gaps"


def main() -> int:
    """Run a range of seeds, one after the other."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", default="0:20", help="one seed, or FROM:TO")
    parser.add_argument(
        "--keep", type=Path, help="keep logs and data under this directory (those of failures are kept anyway)"
    )
    asked = parser.parse_args()
    seeds, begun, failed = seeds_of(asked.seeds), time.monotonic(), 0
    for seed in seeds:
        home = Path(tempfile.mkdtemp(prefix=f"kubelapse-seed-{seed}-", dir=asked.keep))
        plan, complaints, told = one_seed(seed, home)
        print(f"{plan}: {told or 'failed'}", *(f"    {each}" for each in complaints[:8]), sep="\n", flush=True)
        failed += bool(complaints)
        if asked.keep is None and not complaints:
            shutil.rmtree(home, ignore_errors=True)
    print(f"{len(seeds)} seeds on a real control plane, {failed} with complaints, {time.monotonic() - begun:.0f} s")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
