"""A path reads like the place it names, and its text is as good as its tokens."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schema.paths import Field, Index, Key, Member, Path, PathError, Token, parse, render
from tests.fakes.documents import scalars, texts

tokens: st.SearchStrategy[Token] = st.one_of(
    st.builds(Field, texts),
    st.builds(Key, st.lists(st.tuples(texts, scalars), min_size=1, max_size=3).map(tuple)),
    st.builds(Member, scalars),
    st.builds(Index, st.integers(0, 10**6)),
)
paths = st.lists(tokens, max_size=5).map(tuple)

EXAMPLES: list[tuple[str, Path]] = [
    ("", ()),
    ("spec.containers[name=web].image", (Field("spec"), Field("containers"), Key((("name", "web"),)), Field("image"))),
    ('metadata.annotations["a.b/c"]', (Field("metadata"), Field("annotations"), Field("a.b/c"))),
    ("ports[containerPort=80,protocol=TCP]", (Field("ports"), Key((("containerPort", 80), ("protocol", "TCP"))))),
    ('env[name="80"]', (Field("env"), Key((("name", "80"),)))),
    ('x[name="true"][name=true]', (Field("x"), Key((("name", "true"),)), Key((("name", True),)))),
    ("mounts[mountPath=/var/run]", (Field("mounts"), Key((("mountPath", "/var/run"),)))),
    ("x[#3]", (Field("x"), Index(3))),
    ('finalizers[="a]b"]', (Field("finalizers"), Member("a]b"))),
    ("x[=1.0]", (Field("x"), Member(1.0))),
    ('["a b"=c]', (Key((("a b", "c"),)),)),
    ('data.my-key_1[""]', (Field("data"), Field("my-key_1"), Field(""))),
    ("data.0", (Field("data"), Field("0"))),
]


@pytest.mark.parametrize(("text", "path"), EXAMPLES)
def test_a_path_has_one_spelling(text: str, path: Path) -> None:
    assert render(path) == text
    assert parse(text) == path


@given(paths)
def test_every_path_is_read_back_from_its_text(path: Path) -> None:
    assert parse(render(path)) == path
    assert repr(parse(render(path))) == repr(path)  # also the types of values


@given(st.lists(paths, min_size=2, max_size=2, unique_by=repr))
def test_two_paths_never_have_the_same_text(two: list[Path]) -> None:
    assert render(two[0]) != render(two[1])


def test_needless_quotes_are_forgiven() -> None:
    assert parse('["spec"].containers["name"="web"]') == parse("spec.containers[name=web]")


@pytest.mark.parametrize(
    "text",
    [
        *(
            ".",
            "a.",
            "a..b",
            "é",
            "a b",
            "]",
            "[",
            "a[",
            "a[]",
            "a[#]",
            "a[#x]",
            "a[#-1]",
            "a[#01]",
            "a[#" + "9" * 30 + "]",
        ),
        *("a[=]", "a[=x]", "a[=1e999]", "a[=" + "9" * 30 + "]", 'a["x', 'a["x"', 'a["x"y]', 'a["\\x"]'),
        *("a[name]", "a[name=]", "a[name=web", "a[name=a b]", "a[name=web]b", "a[name=b,]", "a[name=b,c]"),
    ],
)
def test_what_is_no_path_is_refused_where_it_stops_being_one(text: str) -> None:
    with pytest.raises(PathError, match=r"expected .* at character"):
        parse(text)


@given(st.text(st.sampled_from('a.[]"=#,1-\\ é'), max_size=12))
def test_any_text_is_a_path_or_refused_by_name(text: str) -> None:
    try:
        path = parse(text)
    except PathError:
        return
    assert parse(render(path)) == path
