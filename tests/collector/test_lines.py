"""Lines come out of a watch whole, whatever the network does to them."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.cluster import BadAnswer, Busy, ClusterError, Expired, TooLargeVersion
from collector.lines import LineSplitter, bookmark, error_of, identity, is_plain, line_type
from tests.fakes import cluster
from tests.fakes.cluster import obj


@given(
    lines=st.lists(st.binary(min_size=1).filter(lambda b: b"\n" not in b and b.strip(b"\r ") == b)),
    cuts=st.lists(st.integers(0, 300)),
)
def test_any_cut_gives_the_same_lines(lines: list[bytes], cuts: list[int]) -> None:
    whole = b"".join(line + b"\n" for line in lines)
    edges = sorted({0, len(whole), *(cut for cut in cuts if cut < len(whole))})
    splitter = LineSplitter()
    got = [line for start, end in pairwise(edges) for line in splitter.feed(whole[start:end])]
    assert got == lines
    assert splitter.pending == 0


def test_a_line_of_20_mib_in_small_chunks_is_no_problem() -> None:
    line = b'{"type":"ADDED","object":{"data":"' + b"x" * (20 * 2**20) + b'"}}'
    splitter, got = LineSplitter(), []
    for start in range(0, len(line), 2**16):
        got += splitter.feed(line[start : start + 2**16])
    assert got == []
    assert splitter.feed(b"\n") == [line]


def test_half_a_line_at_the_end_is_never_given_out() -> None:
    splitter = LineSplitter()
    assert splitter.feed(b'{"a":1}\n{"b"') == [b'{"a":1}']
    assert splitter.pending == 4


def test_blank_lines_and_carriage_returns_are_nothing() -> None:
    assert LineSplitter().feed(b'\n\r\n{"a":1}\r\n  \n{"b":2}\n') == [b'{"a":1}', b'{"b":2}']


def test_a_character_cut_in_two_is_put_together() -> None:
    text = '{"a":"é"}\n'.encode()
    cut = text.index("é".encode()) + 1
    splitter = LineSplitter()
    assert [*splitter.feed(text[:cut]), *splitter.feed(text[cut:])] == [text.strip()]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (cluster.added(obj("a", rv="1")), "ADDED"),
        (cluster.modified(obj("a", rv="1")), "MODIFIED"),
        (cluster.deleted(obj("a", rv="1")), "DELETED"),
        (cluster.bookmark("7"), "BOOKMARK"),
        (cluster.error(410), "ERROR"),
        (b'{"object":{}, "type" : "BOOKMARK"}', "BOOKMARK"),
        (b'{"type":"NEWFANGLED","object":{}}', "NEWFANGLED"),
        (b'{"type":"ADD', ""),
        (b"not json", ""),
    ],
)
def test_the_type_of_a_line(line: bytes, expected: str) -> None:
    assert line_type(line) == expected
    assert is_plain(line) == (expected in ("ADDED", "MODIFIED", "DELETED"))


def test_the_end_of_the_initial_events_is_told_from_other_bookmarks() -> None:
    assert bookmark(cluster.bookmark("7", end=True)) == ("7", True)
    assert bookmark(cluster.bookmark("8")) == ("8", False)
    assert bookmark(b'{"type":"BOOKMARK","object":null}') == ("", False)


def test_who_an_object_is() -> None:
    assert identity(cluster.raw(obj("web", rv="3"))) == ("shop", "web", "uid-web")
    assert identity(b'{"spec":{}}') is None


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (cluster.error(410, "Expired"), Expired),
        (cluster.error(410, "Gone"), Expired),
        (cluster.error(0, "Expired"), Expired),
        (cluster.error(429, "TooManyRequests"), Busy),
        (cluster.error(500, "InternalError"), Busy),
        (cluster.error(504, "Timeout"), Busy),
        (cluster.error(504, "Timeout", message="Too large resource version: 9, current: 3"), TooLargeVersion),
        (cluster.error(418), BadAnswer),
        (b'{"type":"ERROR"', BadAnswer),
    ],
)
def test_an_error_event_means_what_the_same_http_status_means(line: bytes, expected: type[ClusterError]) -> None:
    assert type(error_of(line, what="watch pods")) is expected


def test_a_server_that_asks_for_patience_is_heard() -> None:
    assert error_of(cluster.error(429, retry_after=7), what="watch pods").retry_after == 7


def test_server_text_is_cut_before_it_can_carry_an_object() -> None:
    said = str(error_of(cluster.error(500, message="token " + "s3cr3t" * 1000), what="watch pods"))
    assert len(said) < 300
