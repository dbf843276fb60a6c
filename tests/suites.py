"""Suites that need more than Python, and what this machine lacks to run them.

Elsewhere a suite that cannot run is skipped, and says so in one line; under CI (`CI=true`) it fails, unless it is
`optional`: then another suite keeps the same promise without it.
"""

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests import kubectl
from tests.controlplane import build
from tests.kafka import jars
from tests.ui import browser


@dataclass(frozen=True, slots=True, kw_only=True)
class Suite:
    """Tests under one marker. `missing`: what they need and this machine has not, "" when nothing."""

    marker: str
    about: str
    missing: Callable[[], str]
    optional: bool = False


def _docker() -> str:
    return "" if os.environ.get("DOCKER_HOST") or Path("/var/run/docker.sock").is_socket() else "Docker"


def _clickhouse_server() -> str:
    if os.environ.get("KUBELAPSE_TEST_CLICKHOUSE_URL") or not _docker():
        return ""
    return "KUBELAPSE_TEST_CLICKHOUSE_URL or Docker"


SUITES: Final = (
    Suite(marker="controlplane", about="a real Kubernetes control plane", missing=build.missing),
    Suite(marker="browser", about="Chromium and the built web interface", missing=browser.missing),
    Suite(
        marker="kubectl", about="the machine's own kubectl", missing=kubectl.missing, optional=True
    ),  # without it: the face over HTTP, tests/query/test_kubeface.py
    Suite(marker="kafka", about="a real Apache Kafka broker", missing=jars.missing),
    Suite(
        marker="clickhouse_server", about="a real ClickHouse server", missing=_clickhouse_server, optional=True
    ),  # without it: the engine behind an HTTP face, tests/clickhouse/
    Suite(marker="docker", about="images of Kafka and ClickHouse", missing=_docker, optional=True),
)


def under_ci() -> bool:
    """Whether being unable to run a suite is a failure."""
    return os.environ.get("CI", "").lower() in {"1", "true"}


def header() -> list[str]:
    """Lines for pytest's header: what cannot run here."""
    lacking = [(suite, need) for suite in SUITES if (need := suite.missing())]
    return [f"cannot run here: {suite.marker} ({suite.about}) needs {need}" for suite, need in lacking]
