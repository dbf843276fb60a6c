"""`kubelapse collect` with settings that cannot work: one clear sentence and an exit code for each."""

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner

from kubelapse.cli.main import cli
from schema.kafka import Broker, create
from schema.topics import Topics
from tests.fakes.logged import KafkaLog
from tests.kafka.broker import RealBroker


@pytest.fixture
def environ(tmp_path: Path, broker: RealBroker) -> dict[str, str]:
    """Of a collector whose cluster need not be asked before Kafka is."""
    kubeconfig = tmp_path / "kubeconfig"
    entry = {"name": "lab", "cluster": {"server": "https://127.0.0.1:1"}, "user": {"token": "t"}}
    context = {"name": "lab", "context": {"cluster": "lab", "user": "lab"}}
    kubeconfig.write_text(
        yaml.safe_dump(
            {
                "apiVersion": "v1",
                "kind": "Config",
                "current-context": "lab",
                "clusters": [entry],
                "users": [entry],
                "contexts": [context],
            }
        )
    )
    return {
        "KUBECONFIG": str(kubeconfig),
        "KUBELAPSE_DATA": str(tmp_path / "data"),
        "KUBELAPSE_CLUSTER": "lab",
        "KUBELAPSE_CLUSTER_UID": "c-2",
        "KUBELAPSE_KAFKA": broker.bootstrap,
        "HOME": str(tmp_path),
    }


def collect(environ: dict[str, str], **more: str) -> tuple[int, str]:
    """The exit code, and the last line of what was said."""
    answer = CliRunner().invoke(cli, ["collect"], env={**environ, **more})
    return answer.exit_code, answer.stderr.strip().splitlines()[-1]


def test_a_broker_that_does_not_answer(environ: dict[str, str]) -> None:
    code, said = collect(environ, KUBELAPSE_KAFKA="127.0.0.1:1")
    assert (code, said.startswith("error: no Kafka broker answers at 127.0.0.1:1")) == (10, True), said


def secured(environ: dict[str, str], broker: RealBroker, password: str) -> dict[str, str]:
    file = Path(environ["HOME"]) / "password"
    file.write_text(password)
    return {
        **environ,
        "KUBELAPSE_KAFKA": broker.sasl_bootstrap,
        "KUBELAPSE_KAFKA_USER": "alice",
        "KUBELAPSE_KAFKA_PASSWORD_FILE": str(file),
        "KUBELAPSE_KAFKA_CA_FILE": str(broker.ca_file),
    }


def test_a_wrong_password_is_said_and_never_shown(environ: dict[str, str], broker: RealBroker) -> None:
    code, said = collect(secured(environ, broker, "hunter2"))
    assert (code, "refused the credentials of the user alice" in said) == (11, True), said
    assert "hunter2" not in said


def test_a_certificate_that_is_not_trusted(environ: dict[str, str], broker: RealBroker) -> None:
    given = secured(environ, broker, "secret")
    del given["KUBELAPSE_KAFKA_CA_FILE"]
    code, said = collect(given)
    assert (code, "is not trusted" in said) == (11, True), said


def test_the_right_password_comes_as_far_as_the_topics(environ: dict[str, str], broker: RealBroker) -> None:
    code, said = collect(secured(environ, broker, "secret"), KUBELAPSE_KAFKA_TOPIC_PREFIX="nothing-here.")
    assert (code, "does not exist: make it with kubelapse migrate" in said) == (12, True), said


def test_a_topic_with_too_few_replicas(environ: dict[str, str], broker: RealBroker) -> None:
    wanted = Topics(prefix="lonely.").wanted()
    lonely = [replace(spec, settings={**spec.settings, "min.insync.replicas": "2"}) for spec in wanted]
    asyncio.run(create(Broker(bootstrap=broker.bootstrap), lonely))
    code, said = collect(environ, KUBELAPSE_KAFKA_TOPIC_PREFIX="lonely.")
    assert (code, "has too few replicas (1) for its min.insync.replicas (2)" in said) == (12, True), said


def test_another_cluster_of_the_same_name(environ: dict[str, str], broker: RealBroker, tmp_path: Path) -> None:
    log = KafkaLog(broker, tmp_path)

    async def recorded() -> None:
        await log.make()
        await (await log.opened(cluster_uid="c-1")).close()

    asyncio.run(recorded())
    code, said = collect(environ, KUBELAPSE_KAFKA_TOPIC_PREFIX=log.topics.prefix)
    assert (code, "recorded from another cluster (uid c-1, this one has c-2)" in said) == (13, True), said


def test_no_broker_named_at_all(environ: dict[str, str]) -> None:
    code, said = collect(environ, KUBELAPSE_KAFKA="")
    assert (code, "name the brokers of Kafka with --kafka" in said) == (2, True), said
