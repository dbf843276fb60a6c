"""How to reach a cluster: kubeconfig as kubectl reads it, or the service account of the pod we run in.

The official client (`kubernetes.aio`) does what is intricate: merging the files of KUBECONFIG, running exec plugins,
refreshing OIDC and GCP logins. It takes a second to import, so it is imported on use, and only here. What it leaves
out is done here: token files read again every minute, plugins run again before their token expires or after a 401,
keys that touch the disk only for the moment in which OpenSSL reads them, and errors that say what to do.
"""

import asyncio
import base64
import binascii
import os
import re
import ssl
import tempfile
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import aiohttp

from collector.clock import parse_time
from collector.errors import CredentialsError
from collector.heartbeat import steady

TOKEN_FILE_EVERY: Final = 60.0
PLUGIN_MARGIN: Final = 60.0
REFRESH_AT_MOST_EVERY: Final = 5.0
SERVICE_ACCOUNT: Final = Path("/var/run/secrets/kubernetes.io/serviceaccount")

Node = Mapping[str, object]
Login = Callable[[], Awaitable["Grant"]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """What a login gives: an Authorization value, when to ask again (by the ruler), a client certificate."""

    authorization: str = ""
    again_at: float = float("inf")
    certificate: bytes = b""
    key: bytes = b""


class Credentials:
    """A server and the right to ask it. Knows how to renew itself; never shows a token."""

    def __init__(
        self,
        *,
        server: str,
        context: str,
        cluster_name: str,
        tls: ssl.SSLContext | None,
        tls_name: str,
        proxy: str,
        login: Login,
    ) -> None:
        self.server = server
        self.context = context
        self.cluster_name = cluster_name
        self.tls_name = tls_name
        self.proxy = proxy
        self._tls = tls
        self._login = login
        self._grant: Grant | None = None
        self._asked = float("-inf")
        self._turn = asyncio.Lock()

    def __repr__(self) -> str:
        """Where, never with what."""
        return f"Credentials(server={self.server!r}, context={self.context!r})"

    def connector(self) -> aiohttp.BaseConnector:
        """Connections without a limit: each watch holds one."""
        return aiohttp.TCPConnector(limit=0, ssl=self._tls if self._tls is not None else True, ttl_dns_cache=60)

    async def headers(self) -> Mapping[str, str]:
        """Authorization for the next request; asks again when it is about to expire."""
        async with self._turn:
            if self._grant is None or steady() >= self._grant.again_at:
                await self._renew()
            grant = self._grant
        return {"Authorization": grant.authorization} if grant is not None and grant.authorization else {}

    async def refresh(self) -> bool:
        """After a 401: log in again, unless that was done a moment ago. True when another try makes sense."""
        before = self._grant
        async with self._turn:
            if self._grant is not before:
                return True
            if steady() - self._asked < REFRESH_AT_MOST_EVERY:
                return False
            await self._renew()
        return self._grant != before or (before is not None and bool(before.certificate))

    async def _renew(self) -> None:
        self._asked = steady()
        grant = await self._login()
        if grant.certificate and self._tls is not None:
            show_certificate(self._tls, grant.certificate, grant.key)
        self._grant = grant


def default_cluster_name(context: str) -> str:
    """The context's name with other characters as `-`; of an ARN its last segment."""
    name = re.split(r"[:/]", context)[-1] if context.startswith("arn:") else context
    return re.sub(r"[^A-Za-z0-9._@-]", "-", name)[:100] or "cluster"


async def load_credentials(
    *, kubeconfig: str = "", context: str = "", environ: Mapping[str, str], home: Path
) -> Credentials:
    """As kubectl: `kubeconfig`, else $KUBECONFIG, else ~/.kube/config, else the pod's service account.

    Raises CredentialsError with one sentence that says what to do. The server itself is not asked.
    """
    paths = kubeconfig or environ.get("KUBECONFIG", "")
    default = home / ".kube" / "config"
    if paths or default.exists() or context:
        return await _from_kubeconfig(paths or str(default), context)
    if environ.get("KUBERNETES_SERVICE_HOST"):
        return _from_pod(environ)
    raise CredentialsError(f"no kubeconfig: neither --kubeconfig nor KUBECONFIG is set, and {default} does not exist")


# ---- kubeconfig ----------------------------------------------------------------------------------


async def _from_kubeconfig(paths: str, context: str) -> Credentials:
    view = await asyncio.to_thread(_read_kubeconfig, paths, context)
    server = str(view.cluster.get("server") or "").rstrip("/")
    if not server:
        raise CredentialsError(f"context {view.context} names a cluster without a server; check the kubeconfig")
    tls = await asyncio.to_thread(_tls_of, view) if server.startswith("https") else None
    credentials = Credentials(
        server=server,
        context=view.context,
        cluster_name=default_cluster_name(view.context),
        tls=tls,
        tls_name=str(view.cluster.get("tls-server-name") or ""),
        proxy=str(view.cluster.get("proxy-url") or ""),
        login=_login_of(view),
    )
    await credentials.headers()
    return credentials


@dataclass(frozen=True, slots=True, kw_only=True)
class _View:
    """One context of a merged kubeconfig; the bases are the folders of the files that say `cluster` and `user`."""

    context: str
    namespace: str
    cluster: Node
    cluster_base: Path
    user: Node
    user_base: Path
    provider: Callable[[], Awaitable[str]]


def _read_kubeconfig(paths: str, context: str) -> _View:
    """Merge the files and pick the context, with our own words for what is wrong."""
    import yaml
    from kubernetes.aio.client import Configuration
    from kubernetes.aio.config import ConfigException
    from kubernetes.aio.config.kube_config import KubeConfigLoader, KubeConfigMerger

    if not any(path and Path(path).expanduser().exists() for path in paths.split(os.pathsep)):
        raise CredentialsError(f"the kubeconfig {paths} does not exist")
    try:
        merger = KubeConfigMerger(paths)
    except (OSError, yaml.YAMLError) as error:
        raise CredentialsError(f"the kubeconfig {paths} cannot be read: {_first_line(error)}") from error
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise CredentialsError(f"{paths} is no kubeconfig: name another with --kubeconfig") from error
    known = [str(_value(entry).get("name")) for entry in merger.config.value.get("contexts") or []]
    chosen = context or str(merger.config.value.get("current-context") or "")
    if chosen not in known:
        raise CredentialsError(_unknown_context(chosen, known, paths))
    try:
        loader = KubeConfigLoader(
            merger.config, chosen, config_base_path=None, config_persister=lambda _: merger.save_changes()
        )
        spec = _value(_value(merger.config["contexts"].get_with_name(chosen))["context"])
        cluster_node = merger.config["clusters"].get_with_name(spec.get("cluster"))
        user_node = merger.config["users"].get_with_name(spec["user"], safe=True) if spec.get("user") else None
    except ConfigException as error:
        raise CredentialsError(f"context {chosen} is not usable: {_first_line(error)}") from error

    async def provider() -> str:
        configuration = Configuration()
        await loader.load_and_set(configuration)
        return str(configuration.api_key.get("BearerToken", ""))

    return _View(
        context=chosen,
        namespace=str(spec.get("namespace") or ""),
        cluster=_value(_value(cluster_node).get("cluster")),
        cluster_base=_base(cluster_node.path),
        user=_value(_value(user_node).get("user")) if user_node else {},
        user_base=_base(user_node.path) if user_node else Path(),
        provider=provider,
    )


def _value(node: object) -> Mapping[str, object]:
    """The mapping in a kubeconfig node of the library, or an empty one."""
    inner = getattr(node, "value", node)
    return inner if isinstance(inner, Mapping) else {}


def _base(path: object) -> Path:
    return Path(str(path)).absolute().parent if path else Path()


def _unknown_context(chosen: str, known: list[str], paths: str) -> str:
    have = ", ".join(sorted(known)) or "none"
    if not chosen:
        return f"the kubeconfig {paths} has no current context; choose one with --context (it has: {have})"
    return f"no context {chosen} in {paths}; it has: {have}"


def _login_of(view: _View) -> Login:
    """The way to log in that kubectl would take for this user."""
    user = view.user
    if "auth-provider" in user:
        return _provider_login(view)
    if "exec" in user:
        return _plugin_login(view.context, _value(user["exec"]))
    if user.get("token"):
        return _fixed(f"Bearer {user['token']}")
    if user.get("tokenFile"):
        return _token_file(view.user_base / str(user["tokenFile"]))
    if user.get("username") and "password" in user:
        pair = base64.b64encode(f"{user['username']}:{user['password']}".encode()).decode()
        return _fixed(f"Basic {pair}")
    return _fixed("")


def _fixed(authorization: str) -> Login:
    async def login() -> Grant:
        return Grant(authorization=authorization)

    return login


def _token_file(path: Path) -> Login:
    """A file that somebody renews (a projected service account token): read again every minute."""

    async def login() -> Grant:
        try:
            token = (await asyncio.to_thread(path.read_text)).strip()
        except OSError as error:
            raise CredentialsError(f"the token file {path} cannot be read: {error.strerror}") from error
        if not token:
            raise CredentialsError(f"the token file {path} is empty")
        return Grant(authorization=f"Bearer {token}", again_at=steady() + TOKEN_FILE_EVERY)

    return login


def _provider_login(view: _View) -> Login:
    """The old auth-providers (OIDC, GCP), through the library, which renews them."""

    async def login() -> Grant:
        try:
            authorization = await view.provider()
        except Exception as error:
            said = f"{type(error).__name__}"
            raise CredentialsError(f"logging in for context {view.context} failed ({said}); log in again") from error
        return Grant(authorization=authorization, again_at=steady() + TOKEN_FILE_EVERY)

    return login


# ---- exec plugins --------------------------------------------------------------------------------


def _plugin_login(context: str, config: Mapping[str, object]) -> Login:
    """client.authentication.k8s.io: a program that prints a token or a certificate, often with an expiry."""

    async def login() -> Grant:
        status = await _run_plugin(context, config)
        expires = parse_time(status.get("expirationTimestamp"))
        left = (expires - datetime.now(UTC)).total_seconds() if expires else float("inf")
        if left <= 0:
            raise CredentialsError(
                f"the plugin {config.get('command')} gave credentials that have expired; log in again"
            )
        token = status.get("token")
        return Grant(
            authorization=f"Bearer {token}" if token else "",
            again_at=steady() + max(1.0, left - PLUGIN_MARGIN),
            certificate=str(status.get("clientCertificateData") or "").encode(),
            key=str(status.get("clientKeyData") or "").encode(),
        )

    return login


async def _run_plugin(context: str, config: Mapping[str, object]) -> Mapping[str, object]:
    from kubernetes.aio.config import ConfigException
    from kubernetes.aio.config.exec_provider import ExecProvider
    from kubernetes.aio.config.kube_config import ConfigNode

    command = str(config.get("command") or "")
    try:
        status: object = await ExecProvider(ConfigNode("exec", dict(config))).run()
    except FileNotFoundError as error:
        hint = " ".join(str(config.get("installHint") or "install it or put it on PATH").split())
        raise CredentialsError(f"context {context} logs in with {command}, which is not installed: {hint}") from error
    except (ConfigException, OSError) as error:
        raise CredentialsError(f"logging in with {command} failed: {_first_line(error)}") from error
    found = status if isinstance(status, Mapping) else {}
    if not found.get("token") and not (found.get("clientCertificateData") and found.get("clientKeyData")):
        raise CredentialsError(
            f"the plugin {command} gave neither a token nor a certificate with its key; log in again"
        )
    return found


def _first_line(error: BaseException) -> str:
    """The beginning of what an error says: plugins print reasons, not secrets, but may print a lot."""
    return " ".join(str(error).split())[:200]


# ---- TLS -----------------------------------------------------------------------------------------


def _tls_of(view: _View) -> ssl.SSLContext:
    """Trust and client certificate of one context."""
    try:
        authority = _material(view.cluster, "certificate-authority", view.cluster_base)
        tls = ssl.create_default_context(cadata=authority.decode("ascii") if authority else None)
        if view.cluster.get("insecure-skip-tls-verify"):
            tls.check_hostname, tls.verify_mode = False, ssl.CERT_NONE
        # Python 3.13 asks more of a certificate authority than Kubernetes gives (no key identifier).
        tls.verify_flags &= ~ssl.VERIFY_X509_STRICT
        certificate = _material(view.user, "client-certificate", view.user_base)
        if certificate:
            show_certificate(tls, certificate, _material(view.user, "client-key", view.user_base))
    except (ssl.SSLError, UnicodeDecodeError, binascii.Error) as error:
        raise CredentialsError(
            f"a certificate or key of context {view.context} is damaged; check the kubeconfig"
        ) from error
    except OSError as error:
        raise CredentialsError(f"context {view.context}: {error.filename} cannot be read: {error.strerror}") from error
    return tls


def _material(node: Node, name: str, base: Path) -> bytes:
    """`NAME-data` decoded, else the file that NAME names, else nothing."""
    data = node.get(f"{name}-data")
    if data:
        return base64.b64decode("".join(str(data).split()), validate=True)
    return (base / str(node[name])).read_bytes() if node.get(name) else b""


def show_certificate(tls: ssl.SSLContext, certificate: bytes, key: bytes) -> None:
    """Use this client certificate. OpenSSL reads files only: they exist for this moment, readable by us alone."""
    with tempfile.TemporaryDirectory(prefix="kubelapse-") as folder:
        pair = Path(folder, "pair.pem")
        pair.touch(mode=0o600)
        pair.write_bytes(certificate + b"\n" + key)
        tls.load_cert_chain(pair)


# ---- in a pod ------------------------------------------------------------------------------------


def _from_pod(environ: Mapping[str, str], folder: Path = SERVICE_ACCOUNT) -> Credentials:
    """The service account that Kubernetes mounts into every pod."""
    host, port = environ["KUBERNETES_SERVICE_HOST"], environ.get("KUBERNETES_SERVICE_PORT", "443")
    try:
        tls = ssl.create_default_context(cafile=folder / "ca.crt")
    except OSError as error:
        raise CredentialsError(f"this pod has no service account ({folder}/ca.crt): mount its token") from error
    tls.verify_flags &= ~ssl.VERIFY_X509_STRICT
    return Credentials(
        server=f"https://[{host}]:{port}" if ":" in host else f"https://{host}:{port}",
        context="in-cluster",
        cluster_name="in-cluster",
        tls=tls,
        tls_name="",
        proxy="",
        login=_token_file(folder / "token"),
    )
