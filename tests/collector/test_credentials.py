"""Credentials are found where kubectl finds them, renewed in time, never shown; what is wrong says what to do."""

import base64
import datetime as dt
import json
import os
import ssl
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from collector import credentials
from collector.credentials import Credentials, default_cluster_name, load_credentials
from collector.errors import CredentialsError

TOKEN = "s3cr3t-token"
Json = dict[str, object]


def kubeconfig(path: Path, *contexts: str, user: Json | None = None, cluster: Json | None = None) -> Path:
    """A kubeconfig whose contexts share one cluster and one user; the first is the current one."""
    body = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": contexts[0] if contexts else "",
        "contexts": [{"name": name, "context": {"cluster": "c", "user": "u"}} for name in contexts],
        "clusters": [{"name": "c", "cluster": {"server": "http://127.0.0.1:1", **(cluster or {})}}],
        "users": [{"name": "u", "user": {"token": TOKEN} if user is None else user}],
    }
    path.write_text(json.dumps(body))
    return path


async def load(path: Path | str, context: str = "") -> Credentials:
    return await load_credentials(kubeconfig=str(path), context=context, environ={}, home=Path("/nowhere"))


async def authorization(found: Credentials) -> str:
    return (await found.headers()).get("Authorization", "")


# ---- finding ---------------------------------------------------------------------------------------------------------


async def test_the_current_context_is_taken_unless_another_is_named(tmp_path: Path) -> None:
    config = kubeconfig(tmp_path / "config", "dev", "prod")
    assert (await load(config)).context == "dev"
    assert (await load(config, "prod")).context == "prod"


async def test_files_of_a_list_are_merged(tmp_path: Path) -> None:
    one, two = kubeconfig(tmp_path / "one", "dev"), kubeconfig(tmp_path / "two", "prod")
    environ = {"KUBECONFIG": f"{tmp_path}/missing{os.pathsep}{one}{os.pathsep}{two}"}
    found = await load_credentials(context="dev", environ=environ, home=tmp_path)
    assert found.server == "http://127.0.0.1:1"


async def test_the_home_directory_comes_last(tmp_path: Path) -> None:
    (tmp_path / ".kube").mkdir()
    kubeconfig(tmp_path / ".kube" / "config", "home")
    assert (await load_credentials(environ={}, home=tmp_path)).context == "home"


async def test_nothing_at_all_says_where_it_was_looked_for(tmp_path: Path) -> None:
    with pytest.raises(CredentialsError, match=r"KUBECONFIG.*does not exist"):
        await load_credentials(environ={}, home=tmp_path)


async def test_a_kubeconfig_that_does_not_exist_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(CredentialsError, match="missing does not exist"):
        await load(tmp_path / "missing")
    assert (capsys.readouterr(), caplog.records) == (("", ""), [])


async def test_an_unknown_context_lists_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(CredentialsError, match=r"no context nope.*dev, prod"):
        await load(kubeconfig(tmp_path / "config", "prod", "dev"), "nope")


async def test_no_current_context_asks_to_choose(tmp_path: Path) -> None:
    config = kubeconfig(tmp_path / "config", "dev")
    config.write_text(config.read_text().replace('"current-context": "dev"', '"current-context": ""'))
    with pytest.raises(CredentialsError, match=r"--context.*dev"):
        await load(config)


@pytest.mark.parametrize("content", [b"{", b"[]", b"a: b: c", b"just text", b"", b"\xd5\xff\x00"])
async def test_a_damaged_kubeconfig_is_said_to_be_one(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "config").write_bytes(content)
    with pytest.raises(CredentialsError, match=r"config (cannot be read: (while|mapping)|is no kubeconfig)"):
        await load(tmp_path / "config")


@pytest.mark.parametrize(
    ("context", "name"),
    [
        ("dev", "dev"),
        ("kind-dev", "kind-dev"),
        ("user@corp/dev:8443", "user@corp-dev-8443"),
        ("arn:aws:eks:eu-west-1:123456789012:cluster/shop", "shop"),
        ("gke_project_zone_name", "gke_project_zone_name"),
        ("ä" * 200, "-" * 100),
        ("", "cluster"),
    ],
)
def test_a_context_gives_the_cluster_its_name(context: str, name: str) -> None:
    assert default_cluster_name(context) == name


# ---- logging in ------------------------------------------------------------------------------------------------------


async def test_a_token_is_sent_and_never_shown(tmp_path: Path) -> None:
    found = await load(kubeconfig(tmp_path / "config", "dev"))
    assert await authorization(found) == f"Bearer {TOKEN}"
    assert TOKEN not in repr(found)
    assert await found.refresh() is False


async def test_a_name_and_a_password_are_sent(tmp_path: Path) -> None:
    found = await load(kubeconfig(tmp_path / "config", "dev", user={"username": "u", "password": "p"}))
    assert await authorization(found) == "Basic " + base64.b64encode(b"u:p").decode()


async def test_no_user_is_no_authorization(tmp_path: Path) -> None:
    assert await authorization(await load(kubeconfig(tmp_path / "config", "dev", user={}))) == ""


async def test_a_token_file_is_read_again_after_a_minute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr(credentials, "steady", lambda: now)
    (tmp_path / "token").write_text("one\n")
    found = await load(kubeconfig(tmp_path / "config", "dev", user={"tokenFile": "token"}))
    (tmp_path / "token").write_text("two\n")
    assert await authorization(found) == "Bearer one"
    now += 61
    assert await authorization(found) == "Bearer two"


async def test_a_token_file_that_is_gone_is_named(tmp_path: Path) -> None:
    with pytest.raises(CredentialsError, match=r"token file .*/gone cannot be read"):
        await load(kubeconfig(tmp_path / "config", "dev", user={"tokenFile": "gone"}))


def plugin(tmp_path: Path, body: str, **more: object) -> Json:
    """An exec plugin: a Python program of this body."""
    program = tmp_path / "plugin"
    program.write_text(f"#!{sys.executable}\nimport json, sys\n{body}\n")
    program.chmod(program.stat().st_mode | stat.S_IEXEC)
    return {"exec": {"apiVersion": "client.authentication.k8s.io/v1", "command": str(program), **more}}


def credential(**status: str) -> str:
    body = {"apiVersion": "client.authentication.k8s.io/v1", "kind": "ExecCredential", "status": status}
    return f"print({json.dumps(json.dumps(body))})"


async def test_a_plugin_gives_the_token(tmp_path: Path) -> None:
    found = await load(kubeconfig(tmp_path / "config", "dev", user=plugin(tmp_path, credential(token="abc"))))
    assert await authorization(found) == "Bearer abc"


async def test_a_plugin_is_asked_again_before_its_token_expires_and_after_a_401(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 100.0
    monkeypatch.setattr(credentials, "steady", lambda: now)
    soon = (dt.datetime.now(dt.UTC) + dt.timedelta(minutes=10)).strftime("%Y-%m-%dT%H:%M:%SZ")
    user = plugin(tmp_path, credential(token="one", expirationTimestamp=soon))
    found = await load(kubeconfig(tmp_path / "config", "dev", user=user))
    plugin(tmp_path, credential(token="two", expirationTimestamp=soon))
    assert await authorization(found) == "Bearer one"
    now += 9 * 60 + 5
    assert await authorization(found) == "Bearer two"
    plugin(tmp_path, credential(token="three", expirationTimestamp=soon))
    now += 10
    assert await found.refresh() is True
    assert await authorization(found) == "Bearer three"


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("sys.exit('please run: corp login')", "please run: corp login"),
        ("print('no json')", "failed"),
        (credential(), "neither a token nor a certificate"),
        (credential(token="x", expirationTimestamp="2020-01-01T00:00:00Z"), "expired; log in again"),
    ],
)
async def test_a_plugin_that_fails_says_why(tmp_path: Path, body: str, said: str) -> None:
    with pytest.raises(CredentialsError, match=said):
        await load(kubeconfig(tmp_path / "config", "dev", user=plugin(tmp_path, body)))


async def test_a_plugin_that_is_not_installed_gives_its_own_hint(tmp_path: Path) -> None:
    user: Json = {
        "exec": {
            "apiVersion": "client.authentication.k8s.io/v1",
            "command": "no-such-plugin-here",
            "installHint": "get it from the intranet",
        }
    }
    with pytest.raises(CredentialsError, match=r"no-such-plugin-here.*not installed: get it from the intranet"):
        await load(kubeconfig(tmp_path / "config", "dev", user=user))


# ---- certificates ----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A self-signed certificate and its key."""
    folder = tmp_path_factory.mktemp("pair")
    certificate, key = folder / "tls.crt", folder / "tls.key"
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=test", "-days", "1"]
    try:
        subprocess.run([*command, "-keyout", str(key), "-out", str(certificate)], check=True, capture_output=True)
    except FileNotFoundError:
        pytest.skip("openssl is not installed")
    return certificate, key


HTTPS = "https://127.0.0.1:1"


async def test_certificates_are_taken_from_data_and_from_files(tmp_path: Path, pair: tuple[Path, Path]) -> None:
    certificate, key = pair
    data = base64.b64encode(certificate.read_bytes()).decode()
    user: Json = {"client-certificate": str(certificate), "client-key": str(key)}
    cluster: Json = {"server": HTTPS, "certificate-authority-data": data}
    found = await load(kubeconfig(tmp_path / "config", "dev", user=user, cluster=cluster))
    assert found._tls is not None
    assert found._tls.cert_store_stats()["x509"] == 1
    assert found._tls.verify_mode is ssl.CERT_REQUIRED


async def test_keys_do_not_stay_on_disk(
    tmp_path: Path, pair: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    certificate, key = pair
    user: Json = {
        "client-certificate-data": base64.b64encode(certificate.read_bytes()).decode(),
        "client-key-data": base64.b64encode(key.read_bytes()).decode(),
    }
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(scratch))
    await load(kubeconfig(tmp_path / "config", "dev", user=user, cluster={"server": HTTPS}))
    assert list(scratch.iterdir()) == []


async def test_a_server_that_is_not_to_be_verified_is_not(tmp_path: Path) -> None:
    cluster: Json = {"server": HTTPS, "insecure-skip-tls-verify": True}
    found = await load(kubeconfig(tmp_path / "config", "dev", cluster=cluster))
    assert found._tls is not None
    assert found._tls.verify_mode is ssl.CERT_NONE


@pytest.mark.parametrize("value", ["bm90IGEgY2VydGlmaWNhdGU=", "%%%"])
async def test_a_damaged_certificate_names_its_context(tmp_path: Path, value: str) -> None:
    cluster: Json = {"server": HTTPS, "certificate-authority-data": value}
    with pytest.raises(CredentialsError, match="context dev is damaged"):
        await load(kubeconfig(tmp_path / "config", "dev", cluster=cluster))


async def test_a_certificate_file_that_is_gone_is_named(tmp_path: Path) -> None:
    cluster: Json = {"server": HTTPS, "certificate-authority": "gone.crt"}
    with pytest.raises(CredentialsError, match=r"gone\.crt cannot be read"):
        await load(kubeconfig(tmp_path / "config", "dev", cluster=cluster))


async def test_a_pod_uses_its_service_account(tmp_path: Path, pair: tuple[Path, Path]) -> None:
    (tmp_path / "ca.crt").write_bytes(pair[0].read_bytes())
    (tmp_path / "token").write_text("pod-token")
    environ = {"KUBERNETES_SERVICE_HOST": "10.0.0.1", "KUBERNETES_SERVICE_PORT": "443"}
    found = credentials._from_pod(environ, tmp_path)
    assert (found.server, await authorization(found)) == ("https://10.0.0.1:443", "Bearer pod-token")


async def test_a_pod_without_a_service_account_says_so(tmp_path: Path) -> None:
    with pytest.raises(CredentialsError, match="mount its token"):
        await load_credentials(environ={"KUBERNETES_SERVICE_HOST": "10.0.0.1"}, home=tmp_path)
