"""compose.yaml and Containerfile, as far as they can be checked without an engine; nothing of them was run here."""

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from kubelapse.cli.main import COMMANDS
from kubelapse.settings import SETTINGS

ROOT = Path(__file__).parents[1]
# YAML of any shape: only the check that asked knows it.
Document = dict[str, Any]
COMPOSE: Document = yaml.safe_load((ROOT / "compose.yaml").read_text())
SERVICES: Document = COMPOSE["services"]
OWN = [name for name, each in SERVICES.items() if "kubelapse" in each["image"]]
KEYS = {
    "build", "cap_drop", "command", "depends_on", "deploy", "environment", "healthcheck", "image", "networks", "ports",
    "profiles", "read_only", "restart", "secrets", "security_opt", "stop_grace_period", "tmpfs", "ulimits", "user",
    "volumes",
}  # fmt: skip


def test_the_stages_and_what_they_need_are_there() -> None:
    assert {"kafka", "clickhouse", "collector", "ingester", "query"} <= set(SERVICES)
    deps = {name for name, each in SERVICES.items() if "deps" in each["profiles"]}
    assert deps == {"kafka", "clickhouse"}
    assert all("full" in each["profiles"] for each in SERVICES.values())


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_is_written_in_the_words_of_the_compose_specification(name: str) -> None:
    service = SERVICES[name]
    assert set(service) <= KEYS
    for other, how in service.get("depends_on", {}).items():
        assert other in SERVICES
        assert set(service["profiles"]) <= set(SERVICES[other]["profiles"])
        assert how["condition"] in ("service_healthy", "service_completed_successfully")
    assert set(service["networks"]) <= set(COMPOSE["networks"])
    assert set(service.get("secrets", ())) <= set(COMPOSE["secrets"])
    named = [volume.partition(":")[0] for volume in service.get("volumes", ()) if re.match(r"\w+:", volume)]
    assert set(named) <= set(COMPOSE["volumes"])


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_has_a_health_check_and_a_version(name: str) -> None:
    service = SERVICES[name]
    assert service["healthcheck"].get("disable") or service["healthcheck"]["test"]
    assert name in OWN or re.search(r":\d+\.\d+", service["image"])


@pytest.mark.parametrize("name", OWN)
def test_our_own_services_run_without_rights_on_a_root_that_is_read_only(name: str) -> None:
    service = SERVICES[name]
    assert service["read_only"]
    assert service["cap_drop"] == ["ALL"]
    assert service["command"][0] in COMMANDS
    known = {setting.env for setting in SETTINGS}
    assert set(service["environment"]) <= known
    assert not any("password" in key.lower() and not key.endswith("_FILE") for key in service["environment"])


def test_nothing_listens_beyond_this_machine() -> None:
    ports = [port for service in SERVICES.values() for port in service.get("ports", ())]
    assert ports
    assert all(port.startswith("127.0.0.1:") for port in ports)


def test_the_image_is_built_from_what_is_locked_and_runs_as_nobody() -> None:
    text = (ROOT / "Containerfile").read_text()
    assert all(re.search(r":\d+\.\d+\.\d+-", line) for line in re.findall(r"^FROM .*", text, re.MULTILINE))
    assert "--require-hashes" in text
    assert re.search(r"^USER \d+$", text, re.MULTILINE)
    for source in re.findall(r"^COPY (?!--)(.*) \S+$", text, re.MULTILINE):
        assert all((ROOT / each).exists() for each in source.split()), source


def test_the_image_has_the_versions_that_the_tests_ran_with() -> None:
    def pins(file: str) -> set[str]:
        return set(re.findall(r"^(\S+==\S+)", (ROOT / file).read_text(), re.MULTILINE))

    assert pins("requirements.runtime.lock") <= pins("requirements.lock")
    ours = (ROOT / "pyproject.toml").read_text()
    assert re.search(r"hatchling==[\d.]+", ours)[0] in (ROOT / "Containerfile").read_text()  # type: ignore[index]  # it is there


@pytest.mark.skipif(
    subprocess.run(["sh", "-c", "docker compose version"], capture_output=True).returncode != 0,
    reason="needs docker compose",
)
def test_docker_reads_the_file() -> None:
    subprocess.run(["docker", "compose", "--profile", "full", "config", "--quiet"], cwd=ROOT, check=True)
