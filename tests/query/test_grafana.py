"""What the Grafana files ask for is there: metrics, routes, columns, data sources. No Grafana is run."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest
import yaml
from prometheus_client import CollectorRegistry

from kubelapse import docs
from query import userdata
from query.app import create_app
from query.settings import QuerySettings
from query.userdata import About
from schema.canonical import JsonObject
from schema.chdb import ChdbStore
from tests.fakes.history import History, at

FOLDER = Path(__file__).parents[2] / "deploy" / "grafana"
DASHBOARD: Mapping[str, Any] = orjson.loads((FOLDER / "dashboards" / "kubelapse.json").read_bytes())
WINDOW = {"${__from:date:iso}": "2026-03-01T11:59:00.000Z", "${__to:date:iso}": "2026-03-01T12:16:40.000Z"}


def sources(tree: object) -> Iterator[str]:
    """Uids of data sources, wherever they are named."""
    if isinstance(tree, dict):
        if isinstance(tree.get("datasource"), dict):
            yield tree["datasource"]["uid"]
        for each in tree.values():
            yield from sources(each)
    if isinstance(tree, list):
        for each in tree:
            yield from sources(each)


def questions(tree: object) -> Iterator[Mapping[str, Any]]:
    """Targets of the HTTP API."""
    if isinstance(tree, dict):
        if "url_options" in tree:
            yield tree
        for each in tree.values():
            yield from questions(each)
    if isinstance(tree, list):
        for each in tree:
            yield from questions(each)


QUESTIONS = list(questions(DASHBOARD))


def test_data_sources_are_those_that_are_provisioned() -> None:
    made = yaml.safe_load((FOLDER / "provisioning" / "datasources" / "kubelapse.yaml").read_text())
    assert set(sources(DASHBOARD)) == {each["uid"] for each in made["datasources"]}
    assert yaml.safe_load((FOLDER / "provisioning" / "dashboards" / "kubelapse.yaml").read_text())["providers"]


def test_every_metric_exists_with_the_labels_that_are_asked_for() -> None:
    known = dict(re.findall(r"^\| `(kubelapse_\w+)` \| \w+ \| (.*?) \|", docs.metrics(), re.MULTILINE))
    asked = [each["expr"] for panel in DASHBOARD["panels"] for each in panel["targets"] if "expr" in each]
    assert asked
    for expression in asked:
        names = {each.removesuffix("_bucket") for each in re.findall(r"kubelapse_\w+", expression)}
        assert names <= set(known), expression
        labels = {part for found in re.findall(r"by \(([\w, ]+)\)", expression) for part in found.split(", ")} - {"le"}
        assert labels <= {label for name in names for label in re.findall(r"`(\w+)`", known[name])}, expression


def test_panels_have_a_place_of_their_own() -> None:
    places = [tuple(panel["gridPos"].values()) for panel in DASHBOARD["panels"]]
    assert len(set(places)) == len({panel["id"] for panel in DASHBOARD["panels"]}) == len(places)


@pytest.fixture(scope="module")
def told(store: ChdbStore) -> History:
    """A rollout, a deletion, a gap, a pin and a note."""
    history = History("grafana")
    history.watch(from_=0, to=999)
    for number in range(2):
        spec: JsonObject = {
            "replicas": 1,
            "template": {"spec": {"containers": [{"name": "web", "image": f"web:{number}"}]}},
        }
        history.put("deployments.apps", "shop/web", {"spec": spec}, at=10 + number, by="helm")
    history.put("configmaps", "shop/gone", {"data": {}}, at=15, by="helm")
    history.delete("configmaps", "shop/gone", at=20)
    history.gap("pods", 30, 40)
    history.store(store)
    userdata.put_pin(store, "before", at(5), "the last good state", now=at(5))
    userdata.add_note(store, at(6), "deploy", About(cluster="grafana", namespace="shop"), now=at(6))
    return history


@pytest.fixture
def client(store: ChdbStore, told: History) -> httpx.AsyncClient:
    app = create_app(store=store, settings=QuerySettings(), registry=CollectorRegistry(), clock=lambda: at(1000))
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://localhost")


@pytest.mark.parametrize("question", QUESTIONS, ids=lambda each: f"{each['refId']} {each['url'].partition('?')[0]}")
async def test_every_question_has_an_answer_with_the_columns_that_it_names(
    client: httpx.AsyncClient, question: Mapping[str, Any]
) -> None:
    url = question["url"].replace("${namespace:csv}", "")
    for name, value in WINDOW.items():
        url = url.replace(name, value)
    assert "$" not in url
    answer = await client.get(url)
    assert answer.status_code == 200, answer.text
    rows = _at(answer.json(), question["root_selector"])
    assert rows, "the history has something of everything"
    assert not [each["selector"] for each in question["columns"] if not _has(rows[0], each["selector"])]


def test_there_are_questions() -> None:
    assert len({each["url"].partition("?")[0] for each in QUESTIONS}) == 5


async def test_marks_are_pins_notes_and_gaps_by_time(client: httpx.AsyncClient) -> None:
    window = {"from": "2026-03-01T11:59:00Z", "to": "2026-03-01T12:16:40Z", "cluster": "grafana"}
    answer = (await client.get("/api/v1/annotations", params=window)).json()
    found = [(each["tags"].split(",")[0], each["text"], each["timeEnd"]) for each in answer["items"]]
    assert found == [
        ("pin", "the last good state", None),
        ("note", "deploy", None),
        ("gap", "pods: expired", "2026-03-01T12:00:40Z"),
    ]
    assert not answer["coverage"]["complete"]


def _at(answer: Any, path: str) -> Any:
    for part in path.split("."):
        answer = answer[part]
    return answer


def _has(row: Any, path: str) -> bool:
    for part in path.split("."):
        if not isinstance(row, dict) or part not in row:
            return False
        row = row[part]
    return True
