"""Whether the time of an answer tells what is hidden from what never was.

    python -m tests.bench access

Somebody with rights in one namespace asks, alternately, for an object of another one and for one that nobody ever made,
200 times each, on the ways that name objects. One JSON line for each: medians in milliseconds, and how far apart.
"""

import asyncio
import statistics
import time
from pathlib import Path

import httpx
from prometheus_client import CollectorRegistry

from query.app import create_app
from query.settings import QuerySettings
from schema.chdb import ChdbStore
from schema.migrate import migrate
from tests.bench.report import figure
from tests.fakes.history import History, at
from tests.fakes.logins import FakeLogins, within

ASKS = 200
OBJECTS = 500
PATHS = (
    "/api/v1/objects/lab/configmaps/{namespace}/settings-7",
    "/api/v1/objects/lab/configmaps/{namespace}/settings-7/history",
    "/api/v1/changes?namespace={namespace}&since=1h",
    "/api/v1/objects?namespace={namespace}",
)


def recorded(folder: Path) -> ChdbStore:
    """Two namespaces of 500 objects, each changed twice."""
    store = ChdbStore.open(folder)
    migrate(store)
    history = History("lab")
    history.watch(from_=0, to=999)
    for namespace in ("open", "hidden"):
        for number in range(OBJECTS):
            for version in (1, 2, 3):
                history.put("configmaps", f"{namespace}/settings-{number}", {"data": {"v": str(version)}}, at=version)
    history.store(store)
    return store


async def asked(store: ChdbStore) -> dict[str, dict[str, float]]:
    """Medians by path."""
    app = create_app(
        store=store,
        settings=QuerySettings(rate=0),
        registry=CollectorRegistry(),
        clock=lambda: at(1000),
        logins=FakeLogins(ann=within("lab", "open")),
    )
    found: dict[str, dict[str, float]] = {}
    headers = {"Authorization": "Bearer ann"}
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://localhost") as client:
        for path in PATHS:
            took: dict[str, list[float]] = {"hidden": [], "nowhere": []}
            for turn in range(2 * ASKS):
                namespace = ("hidden", "nowhere")[turn % 2]
                began = time.perf_counter()
                await client.get(path.format(namespace=namespace), headers=headers)
                took[namespace].append(1000 * (time.perf_counter() - began))
            medians = {name: round(statistics.median(values), 2) for name, values in took.items()}
            found[path] = medians | {"apart": round(abs(medians["hidden"] - medians["nowhere"]), 2)}
    return found


def run(home: Path) -> None:
    """Measure and print."""
    store = recorded(home / "store")
    try:
        for path, found in asyncio.run(asked(store)).items():
            figure("hidden and never existed, apart", found["apart"], "ms", path=path, asks=ASKS, **found)
    finally:
        store.close()
