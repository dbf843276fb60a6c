"""Random JSON documents for properties: nasty names, numbers at the edges, keyed lists that change and move."""

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from schema.canonical import Json, JsonObject

NASTY_NAMES = (
    "",
    "-",
    "0",
    "01",
    "~",
    "/",
    "~1",
    "a/b",
    "a~0b",
    "a.b/c",
    "[x]",
    'q"q',
    "#1",
    "=",
    "null",
    "é",
    "😀",
    " ",
)

texts: SearchStrategy[str] = st.one_of(
    st.sampled_from((*NASTY_NAMES, "web", "true", "1", "1.0", "1e5", "TCP")),
    st.text(st.characters(codec="utf-8"), max_size=6),
)
integers = st.one_of(st.integers(-3, 3), st.sampled_from((2**53 + 1, 2**63 - 1, -(2**63), 2**63, 2**64 - 1)))
floats = st.one_of(
    st.sampled_from((0.0, -0.0, 1.0, 2.0, 1e16, 1e22, 5e-324)), st.floats(allow_nan=False, allow_infinity=False)
)
scalars: SearchStrategy[Json] = st.one_of(st.none(), st.booleans(), integers, floats, texts)


def _containers(inner: SearchStrategy[Json]) -> SearchStrategy[Json]:
    names = st.one_of(st.sampled_from((*NASTY_NAMES, "name", "type", "key", "port", "protocol", "spec")), texts)
    return st.one_of(st.lists(inner, max_size=5), st.dictionaries(names, inner, max_size=5), keyed_lists(inner))


def keyed_lists(inner: SearchStrategy[Json]) -> SearchStrategy[Json]:
    """Lists of objects that are known by `name`; now and then not uniquely."""
    names = st.sampled_from(("web", "db", "80", "true", "a,b", "x]", ""))
    item = st.builds(lambda name, value: {"name": name, "value": value}, names, inner)
    return st.lists(item, max_size=5).map(list)


documents: SearchStrategy[Json] = st.recursive(scalars, _containers, max_leaves=25)
objects: SearchStrategy[JsonObject] = st.dictionaries(texts, documents, max_size=5)


@st.composite
def changed(draw: st.DrawFn, document: Json) -> Json:
    """The document after a few edits here and there: what two versions of one object look like."""
    if draw(st.integers(0, 7)) == 0:
        return draw(documents)
    if isinstance(document, dict):
        kept: JsonObject = {name: draw(changed(value)) for name, value in document.items() if draw(st.integers(0, 7))}
        return kept | draw(st.dictionaries(texts, scalars, max_size=1))
    if isinstance(document, list):
        items = [draw(changed(item)) for item in document if draw(st.integers(0, 5))]
        items[:0] = draw(st.lists(documents, max_size=1))
        return draw(st.permutations(items)) if draw(st.integers(0, 5)) == 0 else items
    return document


@st.composite
def versions(draw: st.DrawFn) -> tuple[Json, Json]:
    """Two versions of one document, often alike, sometimes strangers."""
    old = draw(documents)
    return old, draw(changed(old))


@st.composite
def histories(draw: st.DrawFn) -> list[JsonObject]:
    """A few states of one object, oldest first."""
    states = [draw(objects)]
    for _ in range(draw(st.integers(1, 4))):
        state = draw(changed(states[-1]))
        states.append(state if isinstance(state, dict) else {"was": state})
    return states
