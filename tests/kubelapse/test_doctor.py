"""`doctor` says of each thing whether it works, and what to do where it does not."""

import json
from collections.abc import Sequence
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from kubelapse.checkpoint import Checkpoint, State
from kubelapse.cli.main import cli
from kubelapse.cli.session import Surroundings
from kubelapse.doctor import Finding, checkpoints, disk, key_file, skew
from kubelapse.settings import Settings
from tests.kafka.broker import RealBroker


def settings(data: Path) -> Settings:
    return Settings({"data": str(data)}, {}, {})


def levels(found: Sequence[Finding]) -> list[str]:
    return [finding.level for finding in found]


def doctor(tmp_path: Path, *args: str, **environ: str) -> Result:
    around = Surroundings(environ={"HOME": str(tmp_path), "KUBECONFIG": str(tmp_path / "kubeconfig"), **environ})
    return CliRunner().invoke(cli, ["doctor", "--data", str(tmp_path / "data"), *args], obj=around)


def test_clocks_that_agree_within_what_can_be_measured_are_fine() -> None:
    assert skew((-0.4, 0.6)).level == "ok"
    assert skew((-3.0, 1.0)).level == "ok"


@pytest.mark.parametrize(("interval", "words"), [((4.0, 5.0), "4.0 s ahead of"), ((-9.0, -8.0), "8.0 s behind")])
def test_clocks_apart_are_a_warning_that_says_how_far(interval: tuple[float, float], words: str) -> None:
    found = skew(interval)
    assert (found.level, words in found.text, "NTP" in found.text) == ("warn", True, True)


def test_a_directory_that_others_can_read_is_a_warning(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    assert "warn" in levels(list(disk(settings(tmp_path))))
    tmp_path.chmod(0o700)
    assert "warn" not in levels(list(disk(settings(tmp_path))))


def test_the_key_must_be_long_enough_and_private(tmp_path: Path) -> None:
    key = tmp_path / "redaction.key"
    assert levels(list(key_file(settings(tmp_path)))) == ["ok"]
    key.write_bytes(b"short")
    assert levels(list(key_file(settings(tmp_path)))) == ["fail"]
    key.write_bytes(b"0123456789abcdef")
    key.chmod(0o644)
    assert levels(list(key_file(settings(tmp_path)))) == ["warn"]


def test_a_directory_that_cannot_be_written_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.access", lambda *_: False)  # whoever runs the tests may write everywhere
    (finding,) = [one for one in disk(settings(tmp_path / "data")) if one.level == "fail"]
    assert "name another place with --data" in finding.text


def test_a_damaged_checkpoint_is_a_warning_that_says_what_it_costs(tmp_path: Path) -> None:
    Checkpoint(tmp_path, "whole").save(State(cluster_uid="u"))
    (tmp_path / "checkpoint-torn.json").write_text("{")
    torn, whole = checkpoints(settings(tmp_path))
    assert (torn.level, whole.level) == ("warn", "ok")
    assert "coverage shows a gap" in torn.text


def test_no_way_to_a_cluster_is_one_line_and_exit_code_2(tmp_path: Path) -> None:
    result = doctor(tmp_path)
    assert result.exit_code == 2
    assert "[ok]   versions" in result.stdout
    assert [line for line in result.stdout.splitlines() if line.startswith("[fail] cluster")]


def test_kafka_is_looked_at_where_it_is_used(tmp_path: Path) -> None:
    assert "] kafka" not in doctor(tmp_path).stdout
    [line] = [one for one in doctor(tmp_path, KUBELAPSE_KAFKA="127.0.0.1:1").stdout.splitlines() if "] kafka" in one]
    assert line.startswith("[fail]")
    assert "no Kafka broker answers at 127.0.0.1:1" in line


@pytest.mark.kafka
def test_topics_that_are_missing_fail_and_say_what_makes_them(tmp_path: Path, broker: RealBroker) -> None:
    told = doctor(tmp_path, KUBELAPSE_KAFKA=broker.bootstrap, KUBELAPSE_KAFKA_TOPIC_PREFIX="doctor.").stdout
    assert f"[ok]   kafka        {broker.bootstrap} answers" in told
    lines = [line for line in told.splitlines() if line.startswith("[fail] topics")]
    assert len(lines) == 3
    assert all("make it with kubelapse migrate" in line for line in lines)


def test_json_for_programs(tmp_path: Path) -> None:
    found = json.loads(doctor(tmp_path, "-o", "json").stdout)
    assert {"level", "check", "text"} == set(found[0])
