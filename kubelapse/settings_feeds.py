"""Settings about sending changes on: webhooks from a TOML file, OpenTelemetry by its own standard variables.

    [[webhook]]
    name = "ci"                                # in metrics, on the command line
    url = "https://ci.example.org/hooks/kubelapse"
    secret_file = "/run/secrets/ci"            # whsec_…; two lines while it is being changed, the newest first
    authorization_file = "/run/secrets/ci-auth"  # the whole value of an Authorization header
    batch = 1                                  # more: up to so many in one request
    tries = 10                                 # refusals before a dead letter
    timeout = "10s"
    [webhook.filter]                           # as of the feed: cluster, namespace, kind, name, selector, path, by,
    namespace = ["shop"]                       # class, q, noise, first_sight
    kind = ["deployments.apps"]

The `OTEL_` variables are those of the OpenTelemetry specification ("OTLP Exporter Configuration", "SDK environment
variables"); with them alone nothing is sent, `KUBELAPSE_OTEL_LOGS` says that it is wanted.
"""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote, urlsplit

from kubelapse.setting import Setting, SettingError, flag, path, seconds

WEBHOOKS_FILE: Setting[Path | None] = Setting(
    name="webhooks_file",
    env="KUBELAPSE_WEBHOOKS_FILE",
    parse=path,
    help="TOML file with the webhooks that changes are sent to (docs/feeds.md). Set it for one process of a store.",
)
OTEL_LOGS: Setting[bool] = Setting(
    name="otel_logs",
    env="KUBELAPSE_OTEL_LOGS",
    parse=flag,
    help="Send changes as OpenTelemetry logs (OTLP over HTTP). Set it for one process of a store.",
)


def otlp_endpoint(text: str) -> str:
    """An http(s) URL, "" = none."""
    parts = urlsplit(text)
    if text and (parts.scheme not in ("http", "https") or not parts.hostname or "@" in parts.netloc):
        raise ValueError("expected a URL such as http://localhost:4318, without a user in it")
    return text


def milliseconds(text: str) -> float:
    """Seconds, from milliseconds as OpenTelemetry has them."""
    if not text.isdecimal() or not int(text):
        raise ValueError("expected a number of milliseconds such as 10000")
    return int(text) / 1000


OTLP_ENDPOINT: Setting[str] = Setting(
    name="otel_exporter_otlp_endpoint",
    env="OTEL_EXPORTER_OTLP_ENDPOINT",
    default="http://localhost:4318",
    parse=otlp_endpoint,
    help="Base URL of the OTLP receiver; `/v1/logs` is put behind it.",
)
OTLP_LOGS_ENDPOINT: Setting[str] = Setting(
    name="otel_exporter_otlp_logs_endpoint",
    env="OTEL_EXPORTER_OTLP_LOGS_ENDPOINT",
    parse=otlp_endpoint,
    shown_default="under the base URL",
    help="Whole URL of the OTLP receiver of logs.",
)
OTLP_HEADERS: Setting[str] = Setting(
    name="otel_exporter_otlp_headers",
    env="OTEL_EXPORTER_OTLP_HEADERS",
    parse=str,
    help="Headers for the OTLP receiver, `name=value,…`; values may be secret and are never shown.",
)
OTLP_TIMEOUT: Setting[float] = Setting(
    name="otel_exporter_otlp_timeout",
    env="OTEL_EXPORTER_OTLP_TIMEOUT",
    default="10000",
    parse=milliseconds,
    help="Milliseconds that one request to the OTLP receiver may take.",
)
OTEL_SERVICE_NAME: Setting[str] = Setting(
    name="otel_service_name",
    env="OTEL_SERVICE_NAME",
    default="kubelapse",
    parse=str,
    help="`service.name` of what is sent.",
)
OTEL_RESOURCE: Setting[str] = Setting(
    name="otel_resource_attributes",
    env="OTEL_RESOURCE_ATTRIBUTES",
    parse=str,
    help="More attributes of the resource, `name=value,…`.",
)
FEED_SETTINGS: tuple[Setting[object], ...] = (
    WEBHOOKS_FILE, OTEL_LOGS, OTLP_ENDPOINT, OTLP_LOGS_ENDPOINT, OTLP_HEADERS, OTLP_TIMEOUT, OTEL_SERVICE_NAME,
    OTEL_RESOURCE,
)  # fmt: skip

_KEYS = {"name", "url", "secret_file", "authorization_file", "batch", "tries", "timeout", "filter"}
_LISTS = ("cluster", "namespace", "kind", "path", "class")
_TEXTS = ("name", "selector", "by", "q")
_TOGGLES = ("noise", "first_sight")
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,62}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """A filter as it was written; see `/api/v1/feed`."""

    lists: Mapping[str, list[str]] = field(default_factory=dict)
    texts: Mapping[str, str] = field(default_factory=dict)
    toggles: Mapping[str, bool] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookEntry:
    """One [[webhook]]."""

    name: str
    url: str
    secrets: tuple[bytes, ...] = field(repr=False)
    authorization: str = field(repr=False)
    batch: int
    tries: int
    timeout: float
    wanted: Wanted


def read_webhooks(file: Path | None) -> list[WebhookEntry]:
    """[] without a file. Raises SettingError with the place and what is expected there, never with a secret."""
    if file is None:
        return []
    try:
        document = tomllib.loads(file.read_text())
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        said = error.strerror if isinstance(error, OSError) else error
        raise SettingError(f"{WEBHOOKS_FILE.env}: {file} cannot be read: {said}") from None
    entries = document.get("webhook")
    if not isinstance(entries, list) or set(document) != {"webhook"} or not all(isinstance(e, dict) for e in entries):
        raise SettingError(f"{WEBHOOKS_FILE.env}: {file} is expected to hold [[webhook]] tables and nothing else")
    found = [_entry(each, f"{WEBHOOKS_FILE.env}: webhook {n} of {file}") for n, each in enumerate(entries, 1)]
    if len({each.name for each in found}) < len(found):
        raise SettingError(f"{WEBHOOKS_FILE.env}: two webhooks of {file} have the same name")
    return found


def pairs(setting: Setting[str], text: str) -> dict[str, str]:
    """`name=value,…`, values percent-encoded (W3C Baggage). Raises SettingError without the values."""
    found = {}
    for part in filter(None, (each.strip() for each in text.split(","))):
        name, equals, value = part.partition("=")
        if not equals or not name.strip():
            raise SettingError(f"{setting.env}: expected name=value, joined by commas")
        found[name.strip()] = unquote(value.strip())
    return found


def _entry(entry: Mapping[str, object], place: str) -> WebhookEntry:
    if unknown := sorted(set(entry) - _KEYS):
        raise SettingError(f"{place} has an unknown key {unknown[0]!r}; known are {', '.join(sorted(_KEYS))}")
    name, url = entry.get("name"), entry.get("url")
    if not isinstance(name, str) or not _NAME.fullmatch(name) or name == "otel":
        raise SettingError(f"{place} needs a name of small letters, digits, '.', '_' and '-' (otel is taken)")
    try:
        timeout = seconds(str(entry.get("timeout", "10s")))
    except ValueError as error:
        raise SettingError(f"{place}: timeout: {error}") from None
    return WebhookEntry(
        name=name,
        url=_url(url, place),
        secrets=_secrets(entry.get("secret_file"), place),
        authorization=_authorization(entry.get("authorization_file"), place),
        batch=_number(entry, "batch", 1, 500, place),
        tries=_number(entry, "tries", 10, 1000, place),
        timeout=timeout,
        wanted=_wanted(entry.get("filter", {}), place),
    )


def _url(url: object, place: str) -> str:
    """It may carry a secret in its query, and is not told."""
    try:
        parts = urlsplit(url) if isinstance(url, str) else None
        fine = parts is not None and parts.scheme in ("http", "https") and bool(parts.hostname) and not parts.fragment
        fine = fine and parts is not None and "@" not in parts.netloc and (parts.port or 1) > 0
    except ValueError:
        fine = False
    if not fine:
        raise SettingError(f"{place} needs a url that begins with http:// or https://, without a user in it")
    return str(url)


def _secrets(file: object, place: str) -> tuple[bytes, ...]:
    from query.webhooks import read_secret

    lines = _lines(file, "secret_file", place)
    if not lines:
        raise SettingError(f"{place} needs a secret_file with a secret such as whsec_ and 32 bytes as base64")
    try:
        return tuple(map(read_secret, lines))
    except ValueError as error:
        raise SettingError(f"{place}: secret_file: {error}") from None


def _authorization(file: object, place: str) -> str:
    lines = _lines(file, "authorization_file", place)
    if len(lines) > 1 or any(not each.isascii() or not each.isprintable() for each in lines):
        raise SettingError(f"{place}: authorization_file is expected to hold one line, the value of the header")
    return lines[0] if lines else ""


def _lines(file: object, key: str, place: str) -> list[str]:
    if file is None:
        return []
    try:
        text = Path(str(file)).expanduser().read_text()
    except (OSError, UnicodeDecodeError) as error:
        said = error.strerror if isinstance(error, OSError) else "it is no text"
        raise SettingError(f"{place}: {key} {file} cannot be read: {said}") from None
    return [line.strip() for line in text.splitlines() if line.strip()]


def _number(entry: Mapping[str, object], key: str, default: int, most: int, place: str) -> int:
    value = entry.get(key, default)
    if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= most:
        raise SettingError(f"{place}: {key} is expected to be a number from 1 to {most}")
    return value


def _wanted(given: object, place: str) -> Wanted:
    if not isinstance(given, dict):
        raise SettingError(f"{place}: filter is expected to be a table")
    known = (*_LISTS, *_TEXTS, *_TOGGLES)
    if unknown := sorted(set(given) - set(known)):
        raise SettingError(f"{place}: filter has an unknown key {unknown[0]!r}; known are {', '.join(known)}")
    return Wanted(
        lists={key: _words(given[key], key, place) for key in _LISTS if key in given},
        texts={key: str(given[key]) for key in _TEXTS if key in given},
        toggles={key: _on(given[key], key, place) for key in _TOGGLES if key in given},
    )


def _words(value: object, key: str, place: str) -> list[str]:
    if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
        raise SettingError(f"{place}: {key} of the filter is expected to be a list of texts")
    return list(value)


def _on(value: object, key: str, place: str) -> bool:
    if value not in ("on", "off"):
        raise SettingError(f'{place}: {key} of the filter is expected to be "on" or "off"')
    return value == "on"
