"""The images that compose.yaml names: topics are made on the broker's, and a process of ours stands on it.

Runs where Docker is. It was written without one at hand: nothing else rests on it.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from tests.e2e.stages import Stage
from tests.kafka.broker import free_port

pytestmark = pytest.mark.docker
COMPOSE = Path(__file__).parents[2] / "compose.yaml"


@pytest.fixture(scope="module")
def bootstrap() -> Iterator[str]:
    """A broker as compose.yaml starts it, on a port of its own."""
    from testcontainers.core.container import DockerContainer  # slow to import, and needed nowhere else
    from testcontainers.core.waiting_utils import wait_for_logs

    service, port = yaml.safe_load(COMPOSE.read_text())["services"]["kafka"], free_port()
    container = DockerContainer(service["image"]).with_bind_ports(port, port)
    for name, value in service["environment"].items():
        container.with_env(name, str(value).replace("9094", str(port)).replace("kafka:9092", "localhost:9092"))
    with container:
        wait_for_logs(container, "Kafka Server started", timeout=120)
        yield f"127.0.0.1:{port}"


def test_topics_are_made_and_one_process_stores_and_answers(bootstrap: str, tmp_path: Path) -> None:
    environ = {"KUBELAPSE_KAFKA": bootstrap, "KUBELAPSE_DATA": str(tmp_path / "data")}
    migrated = Stage(("migrate",), environ, tmp_path / "migrate.log").start()
    assert migrated.wait() == 0, migrated.tail()
    served = Stage(("serve", "--ingest", "--port", "0"), environ, tmp_path / "serve.log").start().wait_ready()
    try:
        assert served.ask("/clusters") == {"items": []}
    finally:
        assert served.stop() == 0, served.tail()
