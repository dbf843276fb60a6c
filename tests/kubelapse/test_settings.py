"""Flag, environment, kubelapse.toml, default: in this order, and a bad value is refused with the place it came from."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from kubelapse import settings as known
from kubelapse.setting import LogStyle, SettingError
from kubelapse.settings import Settings


def given(
    flags: Mapping[str, str | None] | None = None,
    environ: Mapping[str, str] | None = None,
    file: Mapping[str, str] | None = None,
) -> Settings:
    return Settings(flags or {}, environ or {}, file or {})


def test_a_flag_wins_over_the_environment_and_that_over_the_file() -> None:
    flags, environ, file = {"port": "1"}, {"KUBELAPSE_PORT": "2"}, {"port": "3"}
    assert given(flags, environ, file)[known.PORT] == 1
    assert given({}, environ, file)[known.PORT] == 2
    assert given({"port": None}, {}, file)[known.PORT] == 3
    assert given()[known.PORT] == 7117


@pytest.mark.parametrize(
    ("settings", "place"),
    [
        (given({"port": "web"}), "--port: "),
        (given(environ={"KUBELAPSE_PORT": "70000"}), "KUBELAPSE_PORT: "),
        (given(file={"port": "-1"}), "port in kubelapse.toml: "),
    ],
)
def test_a_bad_value_is_refused_with_the_place_it_came_from(settings: Settings, place: str) -> None:
    with pytest.raises(SettingError, match=f"^{place}expected a port between 0 and 65535"):
        settings[known.PORT]


def test_lists_come_from_commas() -> None:
    assert given(environ={"KUBELAPSE_KINDS": "pods, deployments.apps,"})[known.KINDS] == ("pods", "deployments.apps")


def test_log_takes_a_form_a_level_or_both() -> None:
    assert given(environ={"KUBELAPSE_LOG": "json,debug"})[known.LOG] == LogStyle("json", "debug")
    assert given({"log": "warning"})[known.LOG] == LogStyle("console", "warning")
    with pytest.raises(SettingError, match="expected console or json"):
        given({"log": "loud"})[known.LOG]


def test_a_server_may_be_named_without_scheme() -> None:
    assert given({"server": "localhost:7117/"})[known.SERVER] == "http://localhost:7117"


def test_a_cluster_name_that_an_id_cannot_carry_is_refused() -> None:
    with pytest.raises(SettingError, match=r"--cluster: expected 1 to 100 of the characters"):
        given({"cluster": "a/b"})[known.CLUSTER]


def test_data_lives_under_the_state_home_unless_said_otherwise(tmp_path: Path) -> None:
    assert given(environ={"XDG_STATE_HOME": str(tmp_path)}).data == tmp_path / "kubelapse"
    assert given({"data": str(tmp_path)}).store == f"chdb:{tmp_path / 'store'}"
    assert given({"store": "http://me@host:8123/history"}).store == "http://me@host:8123/history"


def test_the_file_of_this_directory_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "kubelapse.toml").write_text('port = 7200\nno_browser = true\nexclude = ["pods", "nodes"]\n')
    monkeypatch.chdir(tmp_path)
    found = known.load({}, {})
    assert (found[known.PORT], found[known.NO_BROWSER], found[known.EXCLUDE]) == (7200, True, ("pods", "nodes"))


def test_an_unknown_key_in_the_file_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "kubelapse.toml"
    file.write_text("prot = 7200\n")
    with pytest.raises(SettingError, match="unknown setting 'prot'"):
        known.read_file(file)


def test_every_default_can_be_parsed() -> None:
    assert [setting.parse(setting.default) is not NotImplemented for setting in known.SETTINGS]
