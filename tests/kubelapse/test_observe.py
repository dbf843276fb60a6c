"""Log lines have one form, and credentials in foreign messages do not pass."""

import io
import json
import logging

import pytest

from kubelapse.observe import configure, new_registry, scrub
from kubelapse.setting import LogStyle


def test_json_lines_carry_level_logger_time_and_sentence() -> None:
    stream = io.StringIO()
    configure(LogStyle("json"), stream)
    logging.getLogger("collector.run").warning("%s is forbidden", "pods")
    line = json.loads(stream.getvalue())
    assert (line["level"], line["logger"], line["event"]) == ("warning", "collector.run", "pods is forbidden")
    assert line["timestamp"].endswith("Z")


def test_the_level_is_respected() -> None:
    stream = io.StringIO()
    configure(LogStyle("console", "error"), stream)
    logging.getLogger("x").warning("not said")
    assert stream.getvalue() == ""


def test_what_clients_say_of_each_try_is_left_out() -> None:
    stream = io.StringIO()
    configure(LogStyle("console"), stream)
    for name in ("urllib3.connectionpool", "clickhouse_connect.driver.httpclient", "aiokafka.conn"):
        logging.getLogger(name).warning("Retrying (Retry(total=1, connect=None)) after connection broken")
    assert stream.getvalue() == ""


@pytest.mark.parametrize(
    "text", ["Authorization: Bearer abcdefghijkl.mno", "http://me:hunter22secret@host/", "?password=hunter22secret&x=1"]
)
def test_what_looks_like_a_credential_is_cut_out(text: str) -> None:
    assert "hunter22secret" not in scrub(text)
    assert "abcdefghijkl" not in scrub(text)


def test_the_registry_tells_the_version() -> None:
    names = {metric.name for metric in new_registry().collect()}
    assert "kubelapse_build" in names
