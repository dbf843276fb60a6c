"""ClickHouse servers for tests: the engine behind an HTTP face, or a real one where this machine has it."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

FACE = Path(__file__).with_name("face.py")


@contextmanager
def face(directory: Path) -> Iterator[str]:
    """The URL (without a database) of a face over chDB in this directory, in a process of its own."""
    with subprocess.Popen([sys.executable, FACE, directory], stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            port = process.stdout.readline().strip()
            assert port, "the face did not start"
            yield f"http://127.0.0.1:{port}"
        finally:
            process.kill()


@contextmanager
def real() -> Iterator[tuple[str, str | None]]:
    """URL and password of the server that KUBELAPSE_TEST_CLICKHOUSE_URL names, else of a new container."""
    if url := os.environ.get("KUBELAPSE_TEST_CLICKHOUSE_URL"):
        yield url.rstrip("/"), os.environ.get("KUBELAPSE_TEST_CLICKHOUSE_PASSWORD")
        return
    from testcontainers.community.clickhouse import ClickHouseContainer  # slow to import, and needed nowhere else

    with ClickHouseContainer(port=8123, username="test", password="test", dbname="test") as container:
        host, port = container.get_container_host_ip(), container.get_exposed_port(8123)
        yield f"http://test@{host}:{port}", "test"
