"""The first question after a while is answered with everything that was read before it was asked."""

import asyncio
from pathlib import Path
from tempfile import TemporaryDirectory

from prometheus_client import CollectorRegistry
from starlette.types import Message, Receive, Scope, Send

from collector.clock import utc_now
from collector.sink import Batch
from ingest.batch import BatchPolicy
from ingest.demand import Demand
from ingest.metrics import Metrics
from ingest.run import Ingester
from ingest.settings import IngestSettings
from kubelapse.asked import Asked
from kubelapse.checkpoint import Checkpoint
from kubelapse.memorylog import MemoryLog
from kubelapse.restore import Restorer
from tests.fakes.records import CLUSTER, event
from tests.fakes.store import FakeStore

NEVER = BatchPolicy(age=3600.0, calm=3600.0)


async def ask(app: Asked, path: str) -> None:
    async def receive() -> Message:
        return {}

    async def send(_: Message) -> None:
        return

    await app({"type": "http", "path": path}, receive, send)


async def test_a_question_is_answered_once_what_was_read_is_stored() -> None:
    demand, store, answered = Demand(), FakeStore(), list[int]()

    async def answer(_scope: Scope, _receive: Receive, _send: Send) -> None:
        answered.append(len(store.stored("events")))

    with TemporaryDirectory() as directory:
        checkpoint = Checkpoint(Path(directory), CLUSTER)
        log = MemoryLog(checkpoint=checkpoint, restorer=Restorer(store, checkpoint), hurry=demand.hurry)
        ingester = Ingester(
            source=log,
            store=store,
            settings=IngestSettings(batch=NEVER),
            metrics=Metrics(CollectorRegistry()),
            clock=utc_now,
            demand=demand,
        )
        storing = asyncio.create_task(ingester.run())
        await log.append(Batch(records=[event(1), event(2)]))
        app = Asked(answer, demand=demand, stored=log.stored)
        await ask(app, "/readyz")
        await ask(app, "/api/v1/changes")
        await log.close()
        await storing
    assert answered == [0, 2]


async def test_a_store_that_does_not_move_keeps_nobody_waiting_for_long() -> None:
    answered = list[str]()

    async def answer(scope: Scope, _receive: Receive, _send: Send) -> None:
        answered.append(scope["path"])

    async def never() -> None:
        await asyncio.Event().wait()

    app = Asked(answer, demand=Demand(), stored=never, patience=0.0)
    await ask(app, "/api/v1/changes")
    await ask(app, "/api/v1/coverage")
    assert answered == ["/api/v1/changes", "/api/v1/coverage"]
