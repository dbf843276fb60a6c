"""A sender that is killed in the middle: nothing is lost, and what comes twice comes under the same ids."""

import asyncio
import urllib.request
from pathlib import Path

import pytest

from schema.chdb import ChdbStore
from schema.migrate import migrate
from tests.e2e.stages import Stage
from tests.fakes.history import History
from tests.fakes.hooked import Hooked, verified
from tests.waiting import eventually

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
CHANGES, MIDDLE = 60, 12
JSON = {"Content-Type": "application/json"}
HOOK = '[[webhook]]\nname = "ci"\nurl = "http://127.0.0.1:{port}/hook"\nsecret_file = "{secret}"\nbatch = {batch}\n'


def recorded(folder: Path) -> None:
    store = ChdbStore.open(folder / "store")
    migrate(store)
    history = History("lab")
    for number in range(CHANGES):
        history.put("configmaps", f"shop/c{number}", {"data": {}}, at=number)
    history.store(store)
    store.close()


def replay(url: str) -> None:
    asked = urllib.request.Request(f"{url}/api/v1/webhooks/ci/replay", b'{"from": "5000d"}', JSON)
    with urllib.request.urlopen(asked, timeout=30) as answer:
        assert answer.status == 200


def events(hooked: Hooked) -> list[dict[str, object]]:
    """In the order in which they were taken."""
    found = [verified(each, SECRET) for each in hooked.taken]
    return [one for each in found for one in (each if isinstance(each, list) else [each])]


@pytest.mark.timeout(110)
async def test_a_kill_in_the_middle_of_deliveries_loses_nothing_and_repeats_under_equal_ids(tmp_path: Path) -> None:
    recorded(tmp_path)
    hooked = Hooked()
    hooked.next(*[200] * MIDDLE, "hang")
    await hooked.start()
    (tmp_path / "secret").write_text(SECRET)
    (tmp_path / "hooks").write_text(HOOK.format(port=hooked.port, secret=tmp_path / "secret", batch=2))
    environ = {"KUBELAPSE_WEBHOOKS_FILE": str(tmp_path / "hooks")}
    stage = Stage(("serve", "--data", str(tmp_path), "--port", "0"), environ, tmp_path / "log")
    try:
        stage.start()
        await eventually(stage.ready)
        await asyncio.to_thread(replay, stage.url)
        await eventually(lambda: len(hooked.requests) > MIDDLE)
        stage.kill()
        assert len(hooked.taken) == MIDDLE
        stage.start()
        await eventually(lambda: len({each["id"] for each in events(hooked)}) == CHANGES)
    finally:
        stage.stop()
        await hooked.stop()
    told = events(hooked)
    first_seen = [*dict.fromkeys(each["subject"] for each in told)]
    assert first_seen == [f"configmaps/shop/c{number}" for number in range(CHANGES)]
    assert len({(each["id"], each["subject"], each["sequence"]) for each in told}) == CHANGES
