"""An open page on a real cluster that is being recorded: what changes there shows up, and nobody reloads."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.controlplane.lab import Lab
from tests.e2e.recorder import Recorder
from tests.ui.browser import Visit

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]
Enter = Callable[..., Visit]


@pytest.fixture
def recorder(lab: Lab, tmp_path: Path) -> Iterator[Recorder]:
    running = Recorder(lab.kubeconfig, tmp_path / "data", ("--kinds", "configmaps,namespaces")).start()
    yield running
    running.stop()


def test_an_edit_shows_on_the_open_page(lab: Lab, namespace: str, recorder: Recorder, visit: Enter) -> None:
    reader = visit(f"http://127.0.0.1:{recorder.port}")
    page = reader.open(f"/changes?ns={namespace}&kind=configmaps")
    page.evaluate("window.sameVisit = true")
    api = lab.client()
    where = f"/api/v1/namespaces/{namespace}/configmaps"
    api.post(where, {"metadata": {"name": "settings"}, "data": {"BANNER": "quiet"}}, manager="kubectl-create")
    table = page.get_by_role("region", name="Changes", exact=True)
    waiting = page.get_by_role("button", name="new change")
    waiting.click()  # nothing moves under a reader's eyes until they ask for it
    expect(table).to_contain_text("settings")
    api.patch(f"{where}/settings", {"data": {"BANNER": "sale today"}}, manager="kubectl-edit")
    waiting.click()
    expect(table).to_contain_text("sale today")
    assert page.evaluate("window.sameVisit")
