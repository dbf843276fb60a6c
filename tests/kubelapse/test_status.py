"""Health and metrics of a stage that serves no answers."""

import asyncio

import httpx
import pytest
from prometheus_client import CollectorRegistry, Counter

from kubelapse.server import listen, url_of
from kubelapse.status import StatusServer, status_app
from query.health import Check

HEALTHY = Check(name="log", ok=True)
ILL = Check(name="slot", ok=False, detail="standing by: another records slot 1/1 of lab")


async def get(checks: list[Check], path: str) -> httpx.Response:
    registry = CollectorRegistry()
    Counter("things", "Things.", registry=registry).inc()
    transport = httpx.ASGITransport(app=status_app(registry, lambda: checks))
    async with httpx.AsyncClient(transport=transport, base_url="http://status") as client:
        return await client.get(path)


@pytest.mark.parametrize(
    ("checks", "status", "line"),
    [
        ([HEALTHY], 200, "[+]log ok"),
        ([HEALTHY, ILL], 503, "[-]slot failed: standing by: another records slot 1/1 of lab"),
    ],
)
async def test_readiness_says_what_is_missing(checks: list[Check], status: int, line: str) -> None:
    answer = await get(checks, "/readyz")
    assert (answer.status_code, line in answer.text.splitlines()) == (status, True)


async def test_a_stage_that_is_not_ready_is_alive_all_the_same() -> None:
    assert (await get([ILL], "/livez")).status_code == 200


async def test_metrics_are_served() -> None:
    assert "things_total 1.0" in (await get([], "/metrics")).text


async def test_it_answers_on_its_port_until_it_is_stopped_and_without_one_it_does_nothing() -> None:
    with listen("127.0.0.1", 0) as bound:
        server = StatusServer(status_app(CollectorRegistry(), list), bound)
        server.start()
        async with asyncio.timeout(10), httpx.AsyncClient() as client:
            assert (await client.get(f"{url_of(bound)}/livez")).text == "ok\n"
        await server.stop()
    await StatusServer(status_app(CollectorRegistry(), list), None).stop()
