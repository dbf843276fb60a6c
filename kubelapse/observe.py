"""Logging and the metrics registry. The stages log through the standard library; only here is it given a form.

Lines go to stderr. `console` is for people, `json` for collectors of logs. A filter is the last guard against
credentials in foreign libraries' messages (bearer tokens, passwords in URLs); our own messages carry none.
"""

import logging
import re
import sys
from typing import TYPE_CHECKING, TextIO

from kubelapse.setting import LogStyle

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry
    from structlog.typing import EventDict, Processor, WrappedLogger

_CREDENTIALS = (
    (re.compile(r"(?i)(bearer\s+)[A-Za-z0-9._~+/=-]{8,}"), r"\1…"),
    (re.compile(r"(://[^/@:\s]+:)[^@/\s]+@"), r"\1…@"),
    (re.compile(r"(?i)((?:password|token)=)[^&\s]+"), r"\1…"),
)
# Foreign loggers that tell every request at INFO.
_CHATTY = (
    "httpx",
    "httpcore",
    "aiohttp.access",
    "asyncio",
    "uvicorn.access",
    "uvicorn.error",
)
# Those that warn of every try at something whose failure a sentence of ours tells in the end.
_ANXIOUS = ("clickhouse_connect", "urllib3")


def configure(style: LogStyle, stream: TextIO | None = None) -> None:
    """Give the root logger one handler in this style; calling again replaces it."""
    import structlog

    shared: list[Processor] = [
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _without_credentials,
    ]
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *_rendering(style, handler.stream)],
        )
    )
    if style.level != "debug":
        handler.addFilter(_of_ours)
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(style.level.upper())
    for name in _CHATTY:
        logging.getLogger(name).setLevel("WARNING")
    for name in _ANXIOUS:
        logging.getLogger(name).setLevel("ERROR")


def _of_ours(record: logging.LogRecord) -> bool:
    """Kafka's client writes several lines a second while a broker is away, whose cause our own line has told."""
    return not record.name.startswith("aiokafka")


def _rendering(style: LogStyle, stream: TextIO) -> "list[Processor]":
    import structlog

    if style.form == "json":
        return [structlog.processors.format_exc_info, structlog.processors.JSONRenderer(ensure_ascii=False)]
    return [structlog.dev.ConsoleRenderer(colors=stream.isatty(), pad_event_to=0)]


def _without_credentials(_logger: "WrappedLogger", _method: str, event: "EventDict") -> "EventDict":
    event["event"] = scrub(str(event.get("event", "")))
    return event


def scrub(text: str) -> str:
    """The text with whatever looks like a credential replaced by an ellipsis."""
    for pattern, replacement in _CREDENTIALS:
        text = pattern.sub(replacement, text)
    return text


def new_registry() -> "CollectorRegistry":
    """A metrics registry with what the process says of itself and the version."""
    from prometheus_client import CollectorRegistry, GCCollector, Info, PlatformCollector, ProcessCollector

    from kubelapse import __version__

    registry = CollectorRegistry(auto_describe=True)
    ProcessCollector(registry=registry)
    PlatformCollector(registry=registry)
    GCCollector(registry=registry)
    Info("kubelapse_build", "Version of the running program.", registry=registry).info({"version": __version__})
    return registry
