"""The socket and who may ask through it."""

import pytest

from kubelapse.server import PortInUse, host_names, listen, url_of


def test_port_0_takes_a_free_one_and_says_which() -> None:
    with listen("127.0.0.1", 0) as bound:
        assert url_of(bound) == f"http://127.0.0.1:{bound.getsockname()[1]}"


def test_a_taken_port_is_one_sentence_that_says_what_to_do() -> None:
    with listen("127.0.0.1", 0) as bound, pytest.raises(PortInUse, match="choose another with --port"):
        listen("127.0.0.1", bound.getsockname()[1])


def test_an_address_that_is_not_ours_is_said() -> None:
    with pytest.raises(PortInUse, match=r"cannot listen on 192\.0\.2\.1:0"):
        listen("192.0.2.1", 0)


def test_a_server_on_loopback_answers_to_no_foreign_name() -> None:
    assert host_names("127.0.0.1") == ("127.0.0.1",)
    assert host_names("0.0.0.0") == ("*",)
