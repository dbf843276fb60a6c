"""Every setting, once: flag, environment variable and key of `kubelapse.toml` are three spellings of one entry.

Precedence: flag, then environment, then `kubelapse.toml`, then default. Values travel as text and are parsed once, so a
bad one is refused with the place it came from. `docs/settings.md` is generated from `SETTINGS` (`markdown`).
Only `kubelapse/` may read the environment; the stages take finished values.
"""

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from kubelapse.setting import (
    LogStyle,
    Setting,
    SettingError,
    T_co,
    cluster_name,
    flag,
    log_style,
    names,
    namespaces,
    path,
    port,
    seconds,
    server_url,
    store_url,
)
from kubelapse.settings_answers import ANSWER_SETTINGS
from kubelapse.settings_auth import AUTH_SETTINGS
from kubelapse.settings_feeds import FEED_SETTINGS
from kubelapse.settings_kafka import KAFKA_SETTINGS
from kubelapse.settings_redaction import REDACTION_SETTINGS
from kubelapse.settings_sql import SQL_SETTINGS

DATA: Setting[Path | None] = Setting(
    name="data",
    env="KUBELAPSE_DATA",
    flag="--data",
    parse=path,
    shown_default="`$XDG_STATE_HOME/kubelapse`",
    help="Data directory of the embedded store, checkpoints and redaction key. "
    "As a flag of a reading command: open this store, which no process may hold.",
)
STORE: Setting[str] = Setting(
    name="store",
    env="KUBELAPSE_STORE",
    flag="--store",
    parse=store_url,
    shown_default="`chdb:$KUBELAPSE_DATA/store`",
    help="Where history is kept: `chdb:DIR` (embedded) or `http(s)://user@host:port/database` (ClickHouse).",
)
STORE_PASSWORD_FILE: Setting[Path | None] = Setting(
    name="store_password_file",
    env="KUBELAPSE_STORE_PASSWORD_FILE",
    parse=path,
    help="File with the password for a ClickHouse server.",
)
STORE_CLUSTER: Setting[str] = Setting(
    name="store_cluster",
    env="KUBELAPSE_STORE_CLUSTER",
    parse=str,
    shown_default="a single server",
    help="Name of the ClickHouse cluster (`remote_servers`) over which `migrate` replicates and shards the tables.",
)
CLUSTER: Setting[str] = Setting(
    name="cluster",
    env="KUBELAPSE_CLUSTER",
    flag="--cluster",
    parse=cluster_name,
    shown_default="the context's name",
    help="Name of the cluster: what it is recorded as (`up`), or whose history is asked (reading commands).",
)
CLUSTER_UID: Setting[str] = Setting(
    name="cluster_uid",
    env="KUBELAPSE_CLUSTER_UID",
    parse=str,
    shown_default="uid of the `kube-system` namespace",
    help="Identity of the cluster, for clones that share one.",
)
KUBECONFIG: Setting[str] = Setting(
    name="kubeconfig",
    env="KUBECONFIG",
    flag="--kubeconfig",
    parse=str,
    shown_default="`~/.kube/config`, in a pod the service account",
    help="Credentials of the cluster; several files as kubectl takes them. Never written.",
)
CONTEXT: Setting[str] = Setting(
    name="context",
    env="KUBELAPSE_CONTEXT",
    flag="--context",
    parse=str,
    shown_default="the current context",
    help="Which context of the kubeconfig.",
)
NAMESPACES: Setting[tuple[str, ...]] = Setting(
    name="namespaces",
    env="KUBELAPSE_NAMESPACES",
    flag="--namespace",
    parse=namespaces,
    repeatable=True,
    help="Capture namespaced kinds in these namespaces only; cluster-wide kinds stay as they are.",
)
HOST: Setting[str] = Setting(
    name="host", env="KUBELAPSE_HOST", flag="--host", default="127.0.0.1", parse=str, help="Address to listen on."
)
PORT: Setting[int] = Setting(
    name="port", env="KUBELAPSE_PORT", flag="--port", default="7117", parse=port, help="Port to listen on; 0 = any."
)
SERVER: Setting[str] = Setting(
    name="server",
    env="KUBELAPSE_SERVER",
    flag="--server",
    parse=server_url,
    shown_default="the one running on the data directory, else `http://127.0.0.1:7117`",
    help="Which server reading commands ask.",
)
NO_BROWSER: Setting[bool] = Setting(
    name="no_browser", env="KUBELAPSE_NO_BROWSER", flag="--no-browser", parse=flag, help="Do not open a browser."
)
KINDS: Setting[tuple[str, ...]] = Setting(
    name="kinds",
    env="KUBELAPSE_KINDS",
    flag="--kinds",
    parse=names,
    repeatable=True,
    shown_default="everything that can be watched, less what is off by default",
    help="Capture only these kinds: `resource.group` patterns such as `deployments.apps,*.example.org`.",
)
INCLUDE: Setting[tuple[str, ...]] = Setting(
    name="include",
    env="KUBELAPSE_INCLUDE",
    flag="--include",
    parse=names,
    repeatable=True,
    help="Capture these kinds too: what is off by default, such as `leases.coordination.k8s.io`.",
)
EXCLUDE: Setting[tuple[str, ...]] = Setting(
    name="exclude",
    env="KUBELAPSE_EXCLUDE",
    flag="--exclude",
    parse=names,
    repeatable=True,
    help="Do not capture these kinds; `coverage` shows them as excluded.",
)
AUDIT_EVERY: Setting[float] = Setting(
    name="audit_every",
    env="KUBELAPSE_AUDIT_EVERY",
    default="6h",
    parse=seconds,
    help="In this time every kind is compared once with what the server has; differences are repaired on record.",
)
REDACTION_KEY_FILE: Setting[Path | None] = Setting(
    name="redaction_key_file",
    env="KUBELAPSE_REDACTION_KEY_FILE",
    parse=path,
    shown_default="made 0600 in the data directory",
    help="Key of the markers that stand for Secret values, shared by all collectors of a store.",
)
LOG: Setting[LogStyle] = Setting(
    name="log",
    env="KUBELAPSE_LOG",
    flag="--log",
    default="console",
    parse=log_style,
    help="`console` or `json`, with a level if you like: `json,debug`.",
)
CACHE: Setting[Path | None] = Setting(
    name="cache",
    env="KUBELAPSE_CACHE",
    parse=path,
    shown_default="`$XDG_CACHE_HOME/kubelapse`",
    help="Where tests keep the control plane and the broker that they fetch.",
)

SETTINGS: tuple[Setting[object], ...] = (
    DATA,
    STORE,
    STORE_PASSWORD_FILE,
    STORE_CLUSTER,
    CLUSTER,
    CLUSTER_UID,
    KUBECONFIG,
    CONTEXT,
    NAMESPACES,
    HOST,
    PORT,
    SERVER,
    NO_BROWSER,
    KINDS,
    INCLUDE,
    EXCLUDE,
    AUDIT_EVERY,
    REDACTION_KEY_FILE,
    *REDACTION_SETTINGS,
    LOG,
    CACHE,
    *KAFKA_SETTINGS,
    *ANSWER_SETTINGS,
    *SQL_SETTINGS,
    *FEED_SETTINGS,
    *AUTH_SETTINGS,
)


@dataclass(frozen=True, slots=True)
class Settings:
    """The three places a value can come from, read in order. Flags are by setting name; None = not given."""

    flags: Mapping[str, str | None]
    environ: Mapping[str, str]
    file: Mapping[str, str]
    file_name: str = "kubelapse.toml"

    def __getitem__(self, setting: Setting[T_co]) -> T_co:
        """The parsed value; raises SettingError."""
        text, place = self._found(setting)
        try:
            return setting.parse(text)
        except ValueError as error:
            raise SettingError(f"{place}: {error}, not {text!r}") from None

    def given(self, setting: Setting[object]) -> bool:
        """True when a flag, the environment or the file sets it."""
        return bool(self._found(setting)[1])

    def _found(self, setting: Setting[object]) -> tuple[str, str]:
        flagged = self.flags.get(setting.name)
        if flagged is not None:
            return flagged, setting.flag or setting.name
        if self.environ.get(setting.env):
            return self.environ[setting.env], setting.env
        if setting.name in self.file:
            return self.file[setting.name], f"{setting.name} in {self.file_name}"
        return setting.default, ""

    @property
    def data(self) -> Path:
        """The data directory, absolute."""
        chosen = self[DATA]
        return (chosen or state_home(self.environ) / "kubelapse").absolute()

    @property
    def store(self) -> str:
        """The store's URL: `chdb:DIR` with an absolute directory, or a ClickHouse URL."""
        chosen = self[STORE]
        if chosen.startswith("chdb:"):
            return f"chdb:{Path(chosen.removeprefix('chdb:')).expanduser().absolute()}"
        return chosen or f"chdb:{self.data / 'store'}"


def state_home(environ: Mapping[str, str]) -> Path:
    """`$XDG_STATE_HOME`, by default ~/.local/state (XDG Base Directory Specification)."""
    return Path(environ.get("XDG_STATE_HOME") or Path(environ.get("HOME") or "~").expanduser() / ".local/state")


def load(flags: Mapping[str, str | None], environ: Mapping[str, str]) -> Settings:
    """Settings with `kubelapse.toml` of this directory, else of `$XDG_CONFIG_HOME/kubelapse/`."""
    config_home = Path(environ.get("XDG_CONFIG_HOME") or Path(environ.get("HOME") or "~").expanduser() / ".config")
    for candidate in (Path("kubelapse.toml"), config_home / "kubelapse" / "kubelapse.toml"):
        if candidate.is_file():
            return Settings(flags, environ, read_file(candidate), str(candidate))
    return Settings(flags, environ, {})


def read_file(file: Path) -> dict[str, str]:
    """The keys of a kubelapse.toml as text; an unknown key is refused, a typing error must not pass in silence."""
    try:
        document = tomllib.loads(file.read_text())
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise SettingError(f"{file}: {error}") from None
    known = {setting.name for setting in SETTINGS}
    for key in document:
        if key not in known:
            raise SettingError(f"{file}: unknown setting {key!r}; known are {', '.join(sorted(known))}")
    return {key: _as_text(value) for key, value in document.items()}


def _as_text(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return ",".join(map(str, value)) if isinstance(value, list) else str(value)


def markdown(settings: Sequence[Setting[object]] = SETTINGS) -> str:
    """The whole of docs/settings.md."""
    lines = [
        "# Settings",
        "",
        "Generated from `kubelapse/settings.py`; do not edit. A flag wins over the environment, the environment over",
        "`kubelapse.toml` (in the current directory, else in `$XDG_CONFIG_HOME/kubelapse/`), that over the default.",
        "",
        "| variable | flag | `kubelapse.toml` | default | meaning |",
        "|---|---|---|---|---|",
    ]
    lines += [_row(setting) for setting in settings]
    return "\n".join(lines) + "\n"


def _row(setting: Setting[object]) -> str:
    flag_cell = f"`{setting.flag}`" + (" (repeatable)" if setting.repeatable else "") if setting.flag else ""
    default = setting.shown_default or (f"`{setting.default}`" if setting.default else "")
    return f"| `{setting.env}` | {flag_cell} | `{setting.name}` | {default} | {setting.help} |"
