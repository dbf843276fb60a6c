"""What is wrong with the settings of `ingest` and `migrate` is one sentence and an exit code of its own."""

from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner

from kubelapse.cli.main import cli
from tests.kafka.broker import RealBroker, free_port

Run = Callable[..., tuple[int, str]]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Runs a command with these settings; exit code and what was said."""

    def run(command: str, *arguments: str, **environ: str) -> tuple[int, str]:
        settings = {f"KUBELAPSE_{name}": value for name, value in environ.items()}
        given = ["--data", str(tmp_path / "data"), *arguments]
        result = CliRunner().invoke(cli, [command, *given], env={"KUBELAPSE_LOG": "error", **settings})
        return result.exit_code, result.output

    return run


@pytest.fixture
def password(tmp_path: Path) -> str:
    (tmp_path / "password").write_text("not-it\n")
    return str(tmp_path / "password")


def one_sentence(said: str) -> str:
    [line] = [line for line in said.splitlines() if line.startswith("error: ")]
    return line


def test_migrate_makes_tables_and_topics_and_may_run_again(run: Run, broker: RealBroker) -> None:
    environ = {"KAFKA": broker.bootstrap, "KAFKA_TOPIC_PREFIX": "cli1."}
    first, second = run("migrate", **environ), run("migrate", **environ)
    assert (first[0], second[0]) == (0, 0)
    assert "cli1.state.1 made (6 partitions)" in first[1]
    assert "cli1.state.1 is there (6 partitions)" in second[1]


def test_a_broker_that_does_not_answer(run: Run) -> None:
    run("migrate")
    code, said = run("ingest", KAFKA=f"127.0.0.1:{free_port()}")
    assert (code, "no Kafka broker answers" in one_sentence(said)) == (10, True)


def test_wrong_credentials(run: Run, broker: RealBroker, password: str) -> None:
    run("migrate")
    secured = {"KAFKA": broker.sasl_bootstrap, "KAFKA_CA_FILE": str(broker.ca_file), "KAFKA_USER": "alice"}
    code, said = run("ingest", KAFKA_PASSWORD_FILE=password, **secured)
    assert (code, "refused the credentials of the user alice" in one_sentence(said)) == (11, True)
    assert "not-it" not in said


def test_missing_topics(run: Run, broker: RealBroker) -> None:
    run("migrate")
    code, said = run("ingest", KAFKA=broker.bootstrap, KAFKA_TOPIC_PREFIX="nowhere.")
    assert (code, "nowhere.changes.1 does not exist: make it with kubelapse migrate" in one_sentence(said)) == (
        12,
        True,
    )


def test_too_few_replicas(run: Run, broker: RealBroker) -> None:
    code, said = run("migrate", KAFKA=broker.bootstrap, KAFKA_TOPIC_PREFIX="cli2.", KAFKA_REPLICATION="3")
    assert (code, "too few brokers for the replicas" in one_sentence(said)) == (12, True)


def test_topics_with_other_partitions_are_explained(run: Run, broker: RealBroker) -> None:
    environ = {"KAFKA": broker.bootstrap, "KAFKA_TOPIC_PREFIX": "cli3."}
    run("migrate", KAFKA_PARTITIONS="2", **environ)
    code, said = run("migrate", **environ)
    assert (code, "has 2 partitions, not 6" in one_sentence(said)) == (12, True)


def test_a_store_that_is_away(run: Run) -> None:
    code, said = run("ingest", "--store", f"http://127.0.0.1:{free_port()}/kubelapse", KAFKA="127.0.0.1:1")
    assert (code, "ClickHouse" in one_sentence(said), "cannot be reached" in said) == (15, True, True)


def test_no_broker_named_at_all(run: Run) -> None:
    code, said = run("ingest")
    assert (code, "KUBELAPSE_KAFKA" in one_sentence(said)) == (2, True)


@pytest.mark.parametrize(
    ("environ", "told"),
    [
        ({"KAFKA_MECHANISM": "MD5"}, "KUBELAPSE_KAFKA_MECHANISM: expected one of"),
        ({"KAFKA_USER": "alice"}, "needs KUBELAPSE_KAFKA_USER and KUBELAPSE_KAFKA_PASSWORD_FILE"),
        ({"KAFKA_USER": "alice", "KAFKA_SECURITY_PROTOCOL": "SSL"}, "need KUBELAPSE_KAFKA_SECURITY_PROTOCOL"),
        ({"KAFKA_MECHANISM": "OAUTHBEARER", "KAFKA_SECURITY_PROTOCOL": "SASL_SSL"}, "needs KUBELAPSE_KAFKA_TOKEN_FILE"),
        ({"KAFKA_PARTITIONS": "0"}, "expected a whole number"),
    ],
)
def test_settings_that_do_not_fit_together(run: Run, environ: dict[str, str], told: str) -> None:
    code, said = run("migrate", KAFKA="127.0.0.1:1", **environ)
    assert (code, told in one_sentence(said)) == (2, True), said
