"""Who changes are sent to, from the settings: webhooks and an OpenTelemetry receiver, each with its filter."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from kubelapse import __version__, settings_feeds
from kubelapse.settings_feeds import Wanted, WebhookEntry

if TYPE_CHECKING:
    from kubelapse.settings import Settings
    from query.courier import Route
    from query.noise_rules import NoiseRules
    from query.posting import Poster
    from query.scope import ChangeFilter
    from schema.store import Store

Clock = Callable[[], datetime]


def routes(settings: "Settings", noise: "NoiseRules", clock: Clock) -> "Sequence[Route]":
    """[] where nothing is wanted; then nothing is imported either. Raises SettingError."""
    hooks = settings_feeds.read_webhooks(settings[settings_feeds.WEBHOOKS_FILE])
    found = [_webhook(each, noise, clock) for each in hooks]
    if settings[settings_feeds.OTEL_LOGS]:
        found.append(_otel(settings, noise, clock))
    return found


def sends(settings: "Settings") -> bool:
    """Whether anybody is sent changes."""
    return settings[settings_feeds.WEBHOOKS_FILE] is not None or bool(settings[settings_feeds.OTEL_LOGS])


def _webhook(entry: WebhookEntry, noise: "NoiseRules", clock: Clock) -> "Route":
    from query.courier import Route
    from query.webhooks import Endpoint, Webhook

    endpoint = Endpoint(
        name=entry.name, secrets=entry.secrets, authorization=entry.authorization, batched=entry.batch > 1
    )
    receiver = Webhook(endpoint, _poster(entry.url, entry.timeout, clock))
    return Route(receiver=receiver, choose=chooser(entry.wanted, noise), batch=entry.batch, tries=entry.tries)


def _otel(settings: "Settings", noise: "NoiseRules", clock: Clock) -> "Route":
    from query.courier import Route
    from query.otel import OtelLogs

    base = settings[settings_feeds.OTLP_ENDPOINT].rstrip("/")
    url = settings[settings_feeds.OTLP_LOGS_ENDPOINT] or f"{base}/v1/logs"
    resource = {
        "service.version": __version__,
        **settings_feeds.pairs(settings_feeds.OTEL_RESOURCE, settings[settings_feeds.OTEL_RESOURCE]),
        "service.name": settings[settings_feeds.OTEL_SERVICE_NAME],
    }
    headers = settings_feeds.pairs(settings_feeds.OTLP_HEADERS, settings[settings_feeds.OTLP_HEADERS])
    receiver = OtelLogs(_poster(url, settings[settings_feeds.OTLP_TIMEOUT], clock), headers=headers, resource=resource)
    return Route(receiver=receiver, choose=chooser(Wanted(), noise), batch=200)


def _poster(url: str, timeout: float, clock: Clock) -> "Poster":
    import httpx

    from query.posting import Poster

    # A proxy that the environment names is not asked for this very machine.
    own = urlsplit(url).hostname in ("localhost", "127.0.0.1", "::1")
    client = httpx.AsyncClient(trust_env=not own, timeout=httpx.Timeout(timeout, connect=min(5.0, timeout)))
    return Poster(url, client, timeout=timeout, clock=clock)


def chooser(wanted: Wanted, noise: "NoiseRules") -> "Callable[[Store], ChangeFilter]":
    """The filter as the feed's own parameters make it, once it is known which kinds there are."""
    from query.web import FilterParams, ScopeParams

    def listed(key: str) -> list[str]:
        return wanted.lists.get(key, [])

    def text(key: str) -> str:
        return wanted.texts.get(key, "")

    scope = ScopeParams(listed("cluster"), listed("namespace"), listed("kind"), text("name"), text("selector"))
    params = FilterParams(
        scope,
        tuple(listed("path")),
        text("by"),
        not wanted.toggles.get("noise", True),
        wanted.toggles.get("first_sight", False),
        text("q"),
        tuple(listed("class")),
        noise,
    )
    return lambda store: params.resolve(store)[0]
