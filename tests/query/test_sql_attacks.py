"""Statements that want more than the documented views: none reads, writes or reaches anything or stops the writer."""

from collections.abc import Iterator
from contextlib import suppress

import pytest

from query.errors import BadStatement, QueryError, StatementEnded
from query.sql import tree
from schema.store import StoreError
from tests.query.sql_yard import ATTACKS, SECRET, Yard, yard

CLEVER = [statement for group, every in ATTACKS.items() if group != "bombs" for statement in every]


@pytest.fixture(scope="module")
def walls(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Yard]:
    with yard(tmp_path_factory.mktemp("yard")) as made:
        yield made


def test_the_corpus_is_large_and_repeats_nothing() -> None:
    assert len(set(CLEVER)) == len(CLEVER) >= 200


@pytest.mark.parametrize("group", [name for name in ATTACKS if name != "bombs"])
def test_what_is_not_offered_is_refused_before_it_runs_with_what_to_do_instead(walls: Yard, group: str) -> None:
    for statement in ATTACKS[group]:
        with pytest.raises(QueryError) as refused:
            walls.ask(walls.filled(statement))
        assert refused.value.hint, statement
        assert SECRET not in f"{refused.value}{refused.value.hint}"
    walls.intact()


def test_without_the_first_wall_the_others_still_hold(walls: Yard) -> None:
    """The text itself to the engine's parser and its lists: what these let in, the role and its limits refuse."""
    harmless = 0
    for statement in map(walls.filled, CLEVER):
        try:
            tree.check(walls.desk.door.tree(statement, {}), walls.store.database)
            rows = b"".join(walls.desk.door.ask(statement, {}, walls.desk.bounds.caps, ticket="t"))
        except (QueryError, StoreError):
            continue
        assert SECRET.encode() not in rows
        harmless += 1
    assert harmless < 20
    walls.intact()


@pytest.mark.parametrize("statement", ATTACKS["bombs"])
def test_a_bomb_ends_within_its_limits_and_the_writer_goes_on(walls: Yard, statement: str) -> None:
    with suppress(StatementEnded, BadStatement):
        assert len(walls.ask(statement)) <= walls.desk.bounds.rows
    walls.intact()


def test_a_name_is_never_taken_for_a_function(walls: Yard) -> None:
    """The engine reads `arrayMap(file, …)` as `arrayMap(x -> file(x), …)`."""
    assert walls.ask("SELECT arrayMap(x -> x + 1, [1, 2]), arraySum([1, 2]), arraySort(x -> -x, [1, 2])")
    for name in ("upper", "file", "`file`", "getSetting"):
        with pytest.raises(BadStatement, match=r"takes a lambda first|cannot be used"):
            walls.ask(f"SELECT arrayMap({name}, ['a'])")
        with pytest.raises(BadStatement, match=r"takes a lambda first|cannot be used"):
            tree.check(walls.desk.door.tree(f"SELECT arrayMap({name}, ['a'])", {}), walls.store.database)
