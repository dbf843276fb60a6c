"""Real tokens, real RBAC, a real API server: who may list what sees it, and nobody sees anything while it is away."""

import itertools
import json
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
from prometheus_client import CollectorRegistry

from kubelapse.auth.logins import ServerLogins, logins
from kubelapse.settings import Settings
from query.access import EVERYTHING, NOTHING
from query.app import create_app
from query.callers import LoginUnavailable
from query.settings import QuerySettings
from schema.chdb import ChdbStore
from schema.migrate import migrate
from tests.controlplane.api import Api, Json, Refused
from tests.controlplane.lab import Lab
from tests.fakes.history import History

pytestmark = pytest.mark.controlplane
RBAC = "/apis/rbac.authorization.k8s.io/v1"
TOKENS = """ann-token,ann,u1,"devs"
bob-token,bob,u2,"readers"
eve-token,eve,u3,"none"
boss-token,boss,u4,"system:masters"
keeper-token,keeper,u5,"keepers"
stray-token,stray,u6,"none"
"""


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ChdbStore]:
    opened = ChdbStore.open(tmp_path_factory.mktemp("store"))
    migrate(opened)
    history = History("lab")
    for space in ("a", "b"):
        history.put("configmaps", f"{space}/settings", {"data": {}}, at=1)
        history.put("secrets", f"{space}/password", {"data": {}}, at=2)
    history.put("nodes", "node-1", {"status": {}}, at=3)
    history.store(opened)
    yield opened
    opened.close()


@pytest.fixture
def lab(make_lab: Callable[..., Lab], tmp_path: Path) -> Lab:
    tokens = tmp_path / "tokens.csv"
    tokens.write_text(TOKENS)
    running = make_lab(token_file=tokens)
    api = running.client()
    for space in ("a", "b"):
        api.post("/api/v1/namespaces", {"metadata": {"name": space}})
    core = [{"apiGroups": [""], "resources": ["configmaps", "secrets"], "verbs": ["list"]}]
    api.post(f"{RBAC}/namespaces/a/roles", {"metadata": {"name": "reader"}, "rules": core})
    api.post(f"{RBAC}/namespaces/a/rolebindings", binding("Role", "reader", "Group", "devs"))
    nodes = [{"apiGroups": ["", "apps"], "resources": ["nodes", "deployments"], "verbs": ["list"]}]
    api.post(f"{RBAC}/clusterroles", {"metadata": {"name": "wide"}, "rules": nodes})
    api.post(f"{RBAC}/clusterrolebindings", binding("ClusterRole", "wide", "Group", "readers"))
    api.post(f"{RBAC}/clusterrolebindings", binding("ClusterRole", "system:auth-delegator", "User", "keeper"))
    return running


def binding(kind: str, role: str, subject: str, name: str) -> Json:
    return {
        "metadata": {"name": f"{name}-{role.replace(':', '-')}"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": kind, "name": role},
        "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": subject, "name": name}],
    }


@asynccontextmanager
async def asking(lab: Lab, store: ChdbStore, folder: Path, token: str = "keeper-token") -> AsyncIterator[ServerLogins]:
    """Logins of a server that asks the cluster as the one with this token."""
    file = folder / f"kubeconfig-{token}"
    file.write_text(lab.kubeconfig.read_text().replace(lab.token, token))
    environ = {"KUBECONFIG": str(file), "KUBELAPSE_AUTH_KUBERNETES": "true", "HOME": str(folder)}
    found = await logins(Settings(flags={}, environ=environ, file={}), store)
    assert found is not None
    try:
        yield found
    finally:
        await found.close()


async def seen(found: ServerLogins, token: str) -> set[str]:
    """What the bearer may see of what is recorded; `everything` for all of it."""
    caller = await found.admit(token)
    assert caller is not None
    if caller.reach == EVERYTHING:
        return {"everything"}
    places = [("configmaps", "a"), ("configmaps", "b"), ("secrets", "a"), ("nodes", ""), ("configmaps", "dead")]
    return {f"{kind} {space}" for kind, space in places if caller.reach.allows("lab", (kind, ""), space)}


PLACES = (
    "/api/v1/configmaps", "/api/v1/namespaces/a/configmaps", "/api/v1/namespaces/b/configmaps", "/api/v1/nodes",
    "/api/v1/namespaces/never/configmaps", "/api/v1/namespaces/never/secrets", "/apis/apps/v1/namespaces/b/deployments",
    "/api/v1/namespaces/b/configmaps/settings", "/api/v1/namespaces/never/configmaps/settings",
)  # fmt: skip


async def different(lab: Lab, store: ChdbStore, found: ServerLogins) -> list[object]:
    """What the face of an API server says otherwise to ann and bob than the API server itself."""
    app = create_app(store=store, settings=QuerySettings(), registry=CollectorRegistry(), logins=found)
    said = []
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://localhost/kube/lab/now") as face:
        for user, place in itertools.product(("ann", "bob"), PLACES):
            answer = await face.get(place, headers={"Authorization": f"Bearer {user}-token"})
            told = (answer.status_code, answer.json().get("message", ""))
            real = really(lab.client().user(f"{user}-token"), place)
            said.append((told, real, user, place))
    assert {told[0] for told, *_ in said} == {200, 403}
    return [each for each in said if each[0] != each[1]]


def really(api: Api, place: str) -> tuple[int, str]:
    """Code and message of the API server."""
    try:
        api.get(place)
    except Refused as error:
        return error.status, json.loads(str(error).partition(": ")[2])["message"]
    return 200, ""


async def test_who_may_list_what_sees_it(lab: Lab, store: ChdbStore, tmp_path: Path) -> None:
    async with asking(lab, store, tmp_path) as found:
        assert await seen(found, "ann-token") == {"configmaps a"}
        assert await seen(found, "bob-token") == {"nodes "}
        assert await seen(found, "eve-token") == set()
        assert await seen(found, "boss-token") == {"everything"}
        assert await found.admit("no-such-token") is None
        eve = await found.admit("eve-token")
        assert eve is not None
        assert eve.reach == NOTHING
        assert await different(lab, store, found) == []
    core = [{"apiGroups": [""], "resources": ["secrets"], "verbs": ["get"]}]
    lab.client().post(f"{RBAC}/namespaces/a/roles", {"metadata": {"name": "getter"}, "rules": core})
    lab.client().post(f"{RBAC}/namespaces/a/rolebindings", binding("Role", "getter", "Group", "devs"))
    async with asking(lab, store, tmp_path) as found:
        assert await seen(found, "ann-token") == {"configmaps a", "secrets a"}
        lab.kill("apiserver")
        assert await seen(found, "ann-token") == {"configmaps a", "secrets a"}
        with pytest.raises(LoginUnavailable, match="does not answer"):
            await found.admit("bob-token")


async def test_a_server_that_may_not_ask_lets_nobody_in_and_says_what_it_needs(
    lab: Lab, store: ChdbStore, tmp_path: Path
) -> None:
    async with asking(lab, store, tmp_path, "stray-token") as found:
        with pytest.raises(LoginUnavailable, match="system:auth-delegator"):
            await found.admit("ann-token")
