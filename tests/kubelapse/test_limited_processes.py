"""The processes as they are started, for somebody who may read one namespace: kubectl, a client library, assistants."""

import hashlib
import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import kubernetes
import pytest
from mcp.client.client import Client as McpClient
from mcp.client.stdio import StdioServerParameters, stdio_client
from mcp_types import TextContent

from kubelapse.kubeconfig import kubeconfig
from schema.chdb import ChdbStore
from schema.migrate import migrate
from tests.e2e.stages import Stage, free_of_settings
from tests.fakes.history import History
from tests.kubectl import Kubectl
from tests.waiting import until

pytestmark = pytest.mark.timeout(300)
TOKEN = "ann-has-a-long-and-random-token/+="
CANARY = "canary-7f3a"
FORBIDDEN = (
    'Error from server (Forbidden): pods is forbidden: User "token:ann" cannot list resource "pods" in API group ""'
)


@dataclass(frozen=True, slots=True)
class Served:
    """`kubelapse serve --kube-api`, which asks who calls."""

    stage: Stage
    kubeconfig: Path
    token: Path

    def environ(self, **more: str) -> dict[str, str]:
        return {**free_of_settings(), "KUBELAPSE_TOKEN_FILE": str(self.token), **more}


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """Pods in two namespaces, one of which ann may read."""
    folder = tmp_path_factory.mktemp("served")
    store = ChdbStore.open(folder / "store")
    migrate(store)
    history = History("lab")
    history.watch(from_=0, to=999)
    history.put("pods", "a/one", {"status": {"phase": "Running"}}, at=5, by="kubelet")
    for number in range(3):
        history.put("pods", f"b/{CANARY}-{number}", {"status": {"phase": CANARY}}, at=6, by=CANARY)
    history.store(store)
    store.close()
    token = folder / "token"
    token.write_text(TOKEN)
    digest = hashlib.sha256(TOKEN.encode()).hexdigest()
    (folder / "tokens").write_text(f'[[token]]\nname = "ann"\nsha256 = "{digest}"\nnamespaces = ["a"]\n')
    arguments = ("serve", "--data", str(folder), "--port", "0", "--kube-api", "0")
    environ = {"KUBELAPSE_AUTH_TOKENS_FILE": str(folder / "tokens")}
    stage = Stage(arguments, environ, folder / "log").start().wait_ready()
    try:
        until(lambda: "kube-api http" in stage.text)
        port = stage.text.partition("kube-api ")[2].split()[0]
        with kubeconfig(port, "lab", "now", token) as made:  # for its form; the port's own paths are asked
            text = made.path.read_text().replace("/kube/lab/now", "")
        (folder / "kubeconfig").write_text(text)
        yield Served(stage, folder / "kubeconfig", token)
    finally:
        stage.stop()


@pytest.mark.kubectl
def test_kubectl_lists_the_own_namespace_and_is_forbidden_every_other_one(served: Served) -> None:
    kubectl = Kubectl(kubeconfig=str(served.kubeconfig))
    assert kubectl.out("get", "pods", "-n", "a", "-o", "name") == "pod/one\n"
    assert kubectl.run("get", "pods", "-A").stderr.strip() == f"{FORBIDDEN} at the cluster scope"
    there, nowhere = (kubectl.run("get", "pods", "-n", space, "--watch") for space in ("b", "c"))
    assert there.stderr.strip() == f'{FORBIDDEN} in the namespace "b"'
    assert (nowhere.returncode, nowhere.stderr) == (there.returncode, there.stderr.replace('"b"', '"c"'))
    one = [kubectl.run("get", "pod", f"{CANARY}-1", "-n", space).stderr for space in ("b", "c")]
    assert one[1] == one[0].replace('"b"', '"c"')
    assert "(Forbidden)" in one[0]


@pytest.mark.kubectl
def test_kubectl_asks_what_it_may(served: Served) -> None:
    kubectl = Kubectl(kubeconfig=str(served.kubeconfig))
    assert kubectl.out("auth", "can-i", "list", "pods", "-n", "a") == "yes\n"
    assert kubectl.run("auth", "can-i", "list", "pods", "-n", "b").returncode == 1
    assert "pods" in kubectl.out("auth", "can-i", "--list", "-n", "a")
    assert "pods" not in kubectl.out("auth", "can-i", "--list", "-n", "b")
    assert "token:ann" in kubectl.out("auth", "whoami")
    assert "cannot impersonate" in kubectl.run("get", "pods", "-n", "a", "--as", "boss").stderr


@pytest.mark.kubectl
def test_a_shell_shows_a_moment_with_the_callers_rights(served: Served) -> None:
    def shell(*words: str) -> "subprocess.CompletedProcess[str]":
        line = [
            sys.executable,
            "-m",
            "kubelapse",
            "shell",
            "--at",
            "2026-03-01T12:10:00Z",
            "--server",
            served.stage.url,
        ]
        return subprocess.run(
            [*line, "--", "kubectl", *words],
            env=served.environ(),
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    assert shell("get", "pods", "-n", "a", "-o", "name").stdout == "pod/one\n"
    refused = shell("get", "pods", "-A")
    assert (refused.returncode, FORBIDDEN in refused.stderr) == (1, True)
    assert TOKEN not in refused.stdout + refused.stderr


def test_a_client_library_lists_the_own_namespace_only(served: Served) -> None:
    with kubernetes.config.new_client_from_config(str(served.kubeconfig)) as made:
        core = kubernetes.client.CoreV1Api(made)
        assert [each.to_dict()["metadata"]["name"] for each in core.list_namespaced_pod("a").items] == ["one"]
        bodies = []
        for space in ("b", "c"):
            with pytest.raises(kubernetes.client.ApiException) as refused:
                core.list_namespaced_pod(space)
            bodies.append(json.loads(refused.value.body or "") | {"code": refused.value.status})
    assert bodies[0]["code"] == 403
    assert bodies[1] == bodies[0] | {"message": bodies[0]["message"].replace('"b"', '"c"')}


async def told(assistant: McpClient, tool: str, **arguments: object) -> str:
    result = await assistant.call_tool(tool, arguments)
    return "".join(each.text for each in result.content if isinstance(each, TextContent))


async def test_assistants_on_stdin_and_stdout_see_what_their_caller_may_see(served: Served) -> None:
    start = StdioServerParameters(
        command=sys.executable,
        args=["-m", "kubelapse", "mcp", "--server", served.stage.url],
        env=served.environ(),
    )
    async with McpClient(stdio_client(start)) as assistant:
        await _sees_a_only(assistant)


async def test_assistants_over_http_see_what_their_caller_may_see(served: Served, tmp_path: Path) -> None:
    environ = {"KUBELAPSE_TOKEN_FILE": str(served.token)}
    stage = Stage(("mcp", "--http", "0", "--server", served.stage.url), environ, tmp_path / "log").start()
    try:
        until(lambda: stage.url)
        async with McpClient(stage.url) as assistant:
            await _sees_a_only(assistant)
    finally:
        stage.stop()


async def _sees_a_only(assistant: McpClient) -> None:
    tools = {each.name for each in (await assistant.list_tools()).tools}
    assert {"changes", "object_at", "sql", "coverage"} <= tools
    changes = await told(assistant, "changes", since="5000d")
    counted = await told(assistant, "sql", query="SELECT count(), max(name) FROM changes")
    hidden = await told(assistant, "object_at", kind="pod", name=f"{CANARY}-1", namespace="b")
    never = await told(assistant, "object_at", kind="pod", name="never", namespace="c")
    assert "a/one" in changes
    assert counted.startswith('[1,"one"]')
    assert CANARY not in changes + counted
    assert hidden.replace(f"{CANARY}-1", "never").replace("b/", "c/") == never
