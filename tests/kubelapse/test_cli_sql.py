"""`kubelapse sql` against the demo's incident, and every example of docs/sql.md."""

import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import orjson
import pytest
from click.testing import CliRunner, Result

from kubelapse.cli.main import cli
from kubelapse.cli.session import Surroundings
from kubelapse.demo.loader import bundled, load
from kubelapse.observe import new_registry
from kubelapse.server import offline_app
from schema.chdb import ChdbStore
from schema.migrate import migrate

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
GUIDE = (Path(__file__).parents[2] / "docs" / "sql.md").read_text()
EXAMPLES = re.findall(r"```sql\n(.*?)```", GUIDE, re.DOTALL)

Ask = Callable[..., Result]


@pytest.fixture(scope="module")
def incident(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ChdbStore]:
    store = ChdbStore.open(tmp_path_factory.mktemp("demo"))
    migrate(store)
    load(store, bundled(), end=NOW, registry=new_registry())
    yield store
    store.close()


@pytest.fixture
def ask(incident: ChdbStore) -> Ask:
    around = Surroundings(environ={}, clock=lambda: NOW, app=lambda: offline_app(incident, lambda: NOW))
    return lambda *arguments: CliRunner().invoke(cli, ["sql", *arguments], obj=around)


def test_there_are_enough_examples() -> None:
    assert len(set(EXAMPLES)) == len(EXAMPLES) >= 20


@pytest.mark.parametrize("query", EXAMPLES, ids=range(len(EXAMPLES)))
def test_every_example_of_the_guide_runs(ask: Ask, query: str) -> None:
    given = [f"{name}={value}" for name, value in PARAMS.items() if f"{{{name}:" in query]
    told = ask(query, "-o", "json", *(part for each in given for part in ("--param", each)))
    assert told.exit_code == 0, told.stderr
    answer = orjson.loads(told.stdout)
    assert answer["rows"] or query in NOTHING_TO_TELL
    assert "complete" in answer["coverage"]


PARAMS = {"at": "1m", "ns": "shop", "name": "web", "image": "api"}
# The incident is short and has no such thing in it.
NOTHING_TO_TELL = [query for query in EXAMPLES if "-- (" in query]


def test_an_answer_says_what_the_history_does_not_know(ask: Ask) -> None:
    told = ask("SELECT count() AS changes FROM changes")
    assert told.stdout.split() == ["CHANGES", "556"]
    assert "gaps in this time" in told.stderr


def test_the_schema_tells_every_view_with_its_comments(ask: Ask) -> None:
    told = ask("--schema")
    assert told.exit_code == 0
    assert "states_at(T): states_at(T): every object" not in told.stdout
    for view in ("history", "changes", "states_at(T)", "objects", "field_changes", "k8s_events", "coverage", "drift"):
        assert re.search(rf"^{re.escape(view)}: \S", told.stdout, re.MULTILINE)
    assert "one readable path per changed place" in told.stdout


def test_csv_holds_nothing_that_a_spreadsheet_runs(ask: Ask) -> None:
    told = ask("SELECT '=1+1' AS a, '-2+3' AS b, '@x' AS c, '+1' AS d, -4 AS e, 'plain' AS f", "-o", "csv")
    assert told.stdout.splitlines() == ["a,b,c,d,e,f", "'=1+1,'-2+3,'@x,'+1,-4,plain"]


def test_json_is_lossless(ask: Ask) -> None:
    told = ask("SELECT '=1' AS a, 18446744073709551615 AS b, NULL AS c, [1, 2] AS d", "-o", "jsonl")
    assert orjson.loads(told.stdout) == {"a": "=1", "b": 2**64 - 1, "c": None, "d": [1, 2]}


def test_a_query_is_kept_once_it_has_answered_and_asked_again_with_other_values(ask: Ask) -> None:
    query = "SELECT {a:String} AS a, {b:String} AS b"
    assert ask(query, "--param", "a=1", "--save", "pair").exit_code != 0  # b has no value: nothing is kept
    assert ask("--saved", "pair").exit_code != 0
    assert ask(query, "--param", "a=1", "--param", "b=2", "--save", "pair").exit_code == 0
    assert ask("--saved", "pair", "--param", "b=3", "-o", "csv").stdout.splitlines() == ["a,b", "1,3"]
    assert query in ask("--list").stdout


def test_a_limit_says_that_there_is_more(ask: Ask) -> None:
    told = ask("SELECT name FROM changes", "--limit", "3")
    assert len(told.stdout.splitlines()) == 4
    assert "only the first 3 rows" in told.stderr


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("SELECT file('/etc/passwd')", "file() cannot be used here. Files cannot be read here."),
        ("SELECT * FROM pins", "There is no view 'pins'. There are history, changes"),
        ("SELECT nam FROM changes", "Unknown expression identifier `nam`"),
        ("DROP TABLE events", "Only SELECT, UNION and WITH can be asked"),
        ("SELECT {ns:String}", "Parameter 'ns' has no value. Send it: --param ns="),
        ("SELECT 1 SETTINGS readonly = 0", "SETTINGS cannot be used here"),
    ],
)
def test_what_is_not_allowed_is_said_with_what_to_write_instead(ask: Ask, query: str, said: str) -> None:
    told = ask(query)
    assert told.exit_code == 2
    assert said in told.stderr
