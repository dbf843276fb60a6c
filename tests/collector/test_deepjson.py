"""What is nested too deeply for a parser is still taken apart: its neighbours and its own name are not lost."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.deepjson import elements, members

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)
INDENTS = st.sampled_from([None, 2])
DEEP = b'{"a":' * 5000 + b"1" + b"}" * 5000


@given(st.dictionaries(st.text(), VALUES), INDENTS, st.booleans())
def test_members_are_those_of_a_parser(value: dict[str, object], indent: int | None, ascii_only: bool) -> None:
    raw = json.dumps(value, indent=indent, ensure_ascii=ascii_only).encode("utf-8", "surrogatepass")
    assert {name: json.loads(part) for name, part in members(raw).items()} == value


@given(st.lists(VALUES), INDENTS)
def test_elements_are_those_of_a_parser(value: list[object], indent: int | None) -> None:
    assert [json.loads(part) for part in elements(json.dumps(value, indent=indent).encode())] == value


def test_depth_does_not_matter() -> None:
    assert members(b'{"spec":%s,"metadata":{"name":"x"}}' % DEEP) == {"spec": DEEP, "metadata": b'{"name":"x"}'}
    assert elements(b"[%s,1]" % DEEP) == [DEEP, b"1"]


@pytest.mark.parametrize("raw", [b"", b"{", b"[1", b'{"a"}', b'{"a":}', b"{1:2}", b"{}}", b'{"a":1]', b"[]"])
def test_what_is_no_object_is_refused(raw: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        members(raw)
