"""One recording of a real control plane beside the truth: start both, write, let things happen, wait, and compare."""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from schema.chdb import ChdbStore
from tests.controlplane.api import Api
from tests.controlplane.lab import Lab
from tests.e2e import compare
from tests.e2e.recorder import Recorder
from tests.e2e.truth import Truth, served
from tests.e2e.writer import CRD, WIDGETS, Writer

WRITERS = 4
SETTLE = 3.0  # seconds for controllers and kwok to finish what the last write began


@dataclass(slots=True)
class Scenario:
    """A lab, a recorder and the truth. Use `running`, then `finish` and look at `rows`."""

    lab: Lab
    recorder: Recorder
    seed: int
    api: Api = field(init=False)
    truth: Truth = field(init=False)
    writers: list[Writer] = field(default_factory=list)
    rows: list[compare.Stored] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.api = Api(self.lab.url, self.lab.token, self.lab.ca, connections=16)
        self.truth = Truth(self.api, self.lab.ca, self.recorder.data.parent / "truth")

    def begin(self) -> None:
        """Record, watch the truth, and bring the custom resources in while both run."""
        self.recorder.start()
        self.truth.watch(served(self.api))
        self.api.post("/apis/apiextensions.k8s.io/v1/customresourcedefinitions", CRD)
        self._until(lambda: self.recorder.ask("/coverage", kind="widgets.example.org")["watched"], "watch the widgets")
        self.truth.watch({"widgets.example.org": f"{WIDGETS}/widgets"})
        for number in range(WRITERS):
            writer = Writer(self.api, f"truth-{self.seed}-{number}", self.seed * 100 + number, widgets=True)
            writer.prepare()
            self.writers.append(writer)

    def write(self, writes: int, *, per_second: float = 0.0) -> None:
        """About that many writes by all writers together; paced when asked."""
        with self.writing(per_second=per_second, writes=writes):
            pass

    @contextmanager
    def writing(self, *, per_second: float, writes: int = 1 << 30) -> Iterator[None]:
        """Writers at work in the background; leaving waits for `writes`, or stops writers without a goal."""
        stop, failures = threading.Event(), list[BaseException]()

        def work(writer: Writer) -> None:
            try:
                pause = (lambda: time.sleep(WRITERS / per_second)) if per_second else (lambda: None)
                writer.run(writes // WRITERS, stop=stop, pause=pause)
            except BaseException as error:
                failures.append(error)

        threads = [threading.Thread(target=work, args=(writer,), daemon=True) for writer in self.writers]
        for thread in threads:
            thread.start()
        yield
        if writes == 1 << 30:
            stop.set()
        for thread in threads:
            thread.join()
        assert not failures, failures

    def finish(self) -> None:
        """Wait until everything that the truth saw is recorded, stop the recorder, read its rows."""
        time.sleep(SETTLE)
        for kind, rv in self.truth.newest().items():
            self.recorder.wait_for(kind, rv)
        self.truth.stop()

    def read(self, data: Path) -> None:
        """Stop the recorder and read the rows of its store."""
        assert self.recorder.stop() == 0, self.recorder.tail()
        store = ChdbStore.open(data / "store")
        try:
            self.rows = compare.stored(store)
        finally:
            store.close()

    def complaints(self) -> list[str]:
        """Everything that must hold of every recording."""
        found = list(self.truth.errors)
        found += compare.completeness(self.truth.seen, self.rows, self.truth.start)
        found += compare.chains(self.rows)
        found += compare.patches(self.rows)
        return found + (self.recorder.warnings() if found else [])

    @staticmethod
    def _until(condition: Callable[[], object], what: str, seconds: float = 30) -> None:
        deadline = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < deadline, f"after {seconds} s it did not {what}"
            time.sleep(0.2)


def show(complaints: Sequence[str]) -> str:
    """How many complaints there are, and some of them."""
    return "\n".join(
        [f"{len(complaints)} complaints, some:", *complaints[:: max(1, len(complaints) // 30)], *complaints[-5:]]
    )
