"""Honest statements run; what they read is what the views say."""

import re
from collections.abc import Iterator
from datetime import UTC
from pathlib import Path

import orjson
import pytest

from query.access import Grant, Reach, filters
from query.errors import StatementEnded
from query.sql.bounds import Bounds
from query.sql.described import described
from query.sql.desk import Asked, Desk
from tests.query.sql_yard import NOW, Yard, yard

HONEST = [each.strip() for each in Path(__file__).with_name("honest.sql").read_text().split(";\n") if each.strip()]
GUIDE = re.findall(r"```sql\n(.*?)```", (Path(__file__).parents[2] / "docs" / "sql.md").read_text(), re.DOTALL)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Yard]:
    with yard(tmp_path_factory.mktemp("yard"), Bounds(rows=1000)) as made:
        yield made


def test_there_are_enough_of_them() -> None:
    assert len({*HONEST, *GUIDE}) >= 60  # the guide's are run in tests/kubelapse/test_cli_sql.py


@pytest.mark.parametrize("statement", HONEST)
def test_an_honest_statement_runs(place: Yard, statement: str) -> None:
    place.ask(statement, **({"ns": "shop"} if "{ns:" in statement else {}))


def test_parameters_are_values_never_text_of_the_statement(place: Yard) -> None:
    awkward = "it's \\ \t\n {x:String} %(x)s ; DROP"
    [row] = place.ask("SELECT {a:String}, {b:Array(String)}, {c:Int64}", a=awkward, b=["x'", awkward], c=-5)
    assert orjson.loads(row) == [awkward, ["x'", awkward], -5]


def test_an_answer_that_is_too_long_fails_and_is_never_cut_in_silence(place: Yard) -> None:
    with pytest.raises(StatementEnded, match="more than 1000 rows"):
        place.ask("SELECT number FROM numbers(1001)")


def test_whoever_reads_the_schema_knows_the_limits_before_asking(place: Yard) -> None:
    told = described(place.store, place.desk.bounds).limits
    assert (told.rows, told.seconds, told.memory) == (1000, 10, 256 << 20)


def test_every_view_and_column_has_a_comment(place: Yard) -> None:
    views = {each.name: each for each in described(place.store, place.desk.bounds).views}
    assert views.keys() >= {"history", "changes", "states_at", "objects", "field_changes", "coverage", "drift"}
    assert not [name for name, each in views.items() if not each.comment or not each.columns]
    assert not [(name, c.name) for name, each in views.items() for c in each.columns if not (c.type and c.comment)]
    told = {column.name for column in views["states_at"].columns}
    [row] = place.ask("SELECT * FROM states_at('now') LIMIT 1")
    assert len(orjson.loads(row)) == len(told)
    assert {"namespace", "name", "uid", "object"} <= told


def test_a_duplicate_is_seen_once(place: Yard) -> None:
    place.store.command("INSERT INTO events SELECT * FROM events WHERE seq = 1 LIMIT 1")
    assert place.ask("SELECT count() = uniqExact(id) FROM history") == [b"[1]"]


def test_whoever_sees_a_part_sees_no_more_of_any_view(place: Yard) -> None:
    elsewhere = filters(Reach(grants=(Grant(namespaces=frozenset({"elsewhere"})),)))
    for view in ("history", "changes", "objects", "field_changes", "k8s_events", "drift", "states_at('now')"):
        asked = Asked(query=f"SELECT count() FROM {view}", params={}, limit=None, now=NOW, zone=UTC, filters=elsewhere)
        desk = Desk(place.store.sandbox(), place.store.database, Bounds())
        found = desk.understand(asked)
        assert list(desk.run(found, asked, desk.ticket()).rows) == [b"[0]"], view
