"""Settings of Kafka, and the `schema.kafka.Broker` that they describe. `kubelapse.settings` joins them to the list.

Secrets are files, never values: what stands in the environment or on a command line is shown by `ps` and by logs.
"""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final, cast

from collector.slots import Slot
from kubelapse.setting import Setting, SettingError, flag, path, port
from schema.topics import DEFAULT_PARTITIONS, Topics, TopicSpec

if TYPE_CHECKING:
    from kubelapse.settings import Settings
    from schema.kafka import Broker, ClientCredentials, Mechanism, SecurityProtocol

PROTOCOLS: Final = ("PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL")
MECHANISMS: Final = ("SCRAM-SHA-512", "SCRAM-SHA-256", "PLAIN", "OAUTHBEARER")


def brokers(text: str) -> str:
    """`host:port`, several joined by commas; the port is 9092 unless given."""
    found = [one for one in (part.strip() for part in text.split(",")) if one]
    for one in found:
        if not re.fullmatch(r"(\[[0-9a-fA-F:]+\]|[A-Za-z0-9._-]+)(:\d{1,5})?", one):
            raise ValueError("expected host:port, several joined by commas")
    return ",".join(one if re.search(r"(?<!:):\d+$", one) else f"{one}:9092" for one in found)


def protocol(text: str) -> str:
    """One of PROTOCOLS, in any case; "" = chosen by what else is set."""
    if text and text.upper() not in PROTOCOLS:
        raise ValueError(f"expected one of {', '.join(PROTOCOLS)}")
    return text.upper()


def mechanism(text: str) -> str:
    """One of MECHANISMS, in any case."""
    if text.upper() not in MECHANISMS:
        raise ValueError(f"expected one of {', '.join(MECHANISMS)}")
    return text.upper()


def topic_prefix(text: str) -> str:
    """Up to 200 of Kafka's characters for topics; "" is no prefix."""
    if not re.fullmatch(r"[A-Za-z0-9._-]{0,200}", text):
        raise ValueError("expected up to 200 of the characters A-Z a-z 0-9 . _ -")
    return text


def count(text: str) -> int:
    """A whole number from 1 to 10,000."""
    if not text.isdecimal() or not 1 <= int(text) <= 10_000:
        raise ValueError("expected a whole number from 1 to 10000")
    return int(text)


def size(text: str) -> int:
    """Bytes: a number, with KiB, MiB or GiB if you like."""
    match = re.fullmatch(r"(\d{1,12})\s*([KMG]iB)?", text)
    if match is None:
        raise ValueError("expected a size such as 64MiB")
    return int(match[1]) << {None: 0, "KiB": 10, "MiB": 20, "GiB": 30}[match[2]]


def token_url(text: str) -> str:
    """`https://...`; plain http only on this machine."""
    if text and not re.match(r"https://[^/\s]+|http://(localhost|127\.0\.0\.1|\[::1\])(:\d+)?(/|$)", text):
        raise ValueError("expected a URL that begins with https://")
    return text


KAFKA: Setting[str] = Setting(
    name="kafka",
    env="KUBELAPSE_KAFKA",
    flag="--kafka",
    parse=brokers,
    help="Bootstrap servers of Kafka, `host:port`, joined by commas. Unset: the in-process log of `up`.",
)
SECURITY_PROTOCOL: Setting[str] = Setting(
    name="kafka_security_protocol",
    env="KUBELAPSE_KAFKA_SECURITY_PROTOCOL",
    parse=protocol,
    shown_default="`SASL_SSL` with a user or token, `SSL` with a CA or certificate, else `PLAINTEXT`",
    help="`PLAINTEXT`, `SSL`, `SASL_PLAINTEXT` or `SASL_SSL`.",
)
MECHANISM: Setting[str] = Setting(
    name="kafka_mechanism",
    env="KUBELAPSE_KAFKA_MECHANISM",
    parse=mechanism,
    default="SCRAM-SHA-512",
    help="SASL mechanism: `SCRAM-SHA-512`, `SCRAM-SHA-256`, `PLAIN` or `OAUTHBEARER`.",
)
USER: Setting[str] = Setting(
    name="kafka_user",
    env="KUBELAPSE_KAFKA_USER",
    parse=str,
    help="User for SASL; with `OAUTHBEARER` the client id for client credentials.",
)
PASSWORD_FILE: Setting[Path | None] = Setting(
    name="kafka_password_file",
    env="KUBELAPSE_KAFKA_PASSWORD_FILE",
    parse=path,
    help="File with the password of that user, or the secret of that client.",
)
TOKEN_FILE: Setting[Path | None] = Setting(
    name="kafka_token_file",
    env="KUBELAPSE_KAFKA_TOKEN_FILE",
    parse=path,
    help="File with a bearer token for `OAUTHBEARER`; read again at every connection.",
)
TOKEN_URL: Setting[str] = Setting(
    name="kafka_token_url",
    env="KUBELAPSE_KAFKA_TOKEN_URL",
    parse=token_url,
    help="Token endpoint for `OAUTHBEARER` with client credentials.",
)
TOKEN_SCOPE: Setting[str] = Setting(
    name="kafka_token_scope", env="KUBELAPSE_KAFKA_TOKEN_SCOPE", parse=str, help="Scope asked for at that endpoint."
)
CA_FILE: Setting[Path | None] = Setting(
    name="kafka_ca_file",
    env="KUBELAPSE_KAFKA_CA_FILE",
    parse=path,
    shown_default="the system's",
    help="Certificates that the brokers' are signed by (PEM).",
)
CERT_FILE: Setting[Path | None] = Setting(
    name="kafka_cert_file",
    env="KUBELAPSE_KAFKA_CERT_FILE",
    parse=path,
    help="Client certificate for mutual TLS (PEM).",
)
KEY_FILE: Setting[Path | None] = Setting(
    name="kafka_key_file",
    env="KUBELAPSE_KAFKA_KEY_FILE",
    parse=path,
    shown_default="in the certificate's file",
    help="Key of that certificate (PEM, without a passphrase).",
)
TOPIC_PREFIX: Setting[str] = Setting(
    name="kafka_topic_prefix",
    env="KUBELAPSE_KAFKA_TOPIC_PREFIX",
    parse=topic_prefix,
    default="kubelapse.",
    help="What the topics' names begin with.",
)
GENERATION: Setting[int] = Setting(
    name="kafka_generation",
    env="KUBELAPSE_KAFKA_GENERATION",
    parse=count,
    default="1",
    help="Generation of the topics: partitions never change, a new generation may have other ones.",
)
PARTITIONS: Setting[int] = Setting(
    name="kafka_partitions",
    env="KUBELAPSE_KAFKA_PARTITIONS",
    parse=count,
    default=str(DEFAULT_PARTITIONS),
    help="Partitions of the topics that `migrate` makes: no more ingesters than these can work at once.",
)
REPLICATION: Setting[int] = Setting(
    name="kafka_replication",
    env="KUBELAPSE_KAFKA_REPLICATION",
    parse=count,
    default="1",
    help="Replicas of each topic; 3 where there are three brokers, then one may be lost without loss.",
)
RETENTION_DAYS: Setting[int] = Setting(
    name="kafka_retention_days",
    env="KUBELAPSE_KAFKA_RETENTION_DAYS",
    parse=count,
    default="7",
    help="How long `migrate` lets the log keep changes: so long may ingest stand still without a gap.",
)
GROUP: Setting[str] = Setting(
    name="kafka_group",
    env="KUBELAPSE_KAFKA_GROUP",
    parse=str,
    default="kubelapse-ingest",
    help="Consumer group of the ingesters; another name for each store that is filled from one log.",
)

SLOT: Setting[Slot] = Setting(
    name="slot",
    env="KUBELAPSE_SLOT",
    flag="--slot",
    parse=Slot.parse,
    default="1/1",
    help="Which part of the cluster's kinds this collector records: `I/N`, the same N for all of a cluster.",
)
TAKE_OVER: Setting[bool] = Setting(
    name="take_over",
    env="KUBELAPSE_TAKE_OVER",
    flag="--take-over",
    parse=flag,
    help="Take the slot at once, also from a collector that is at work on it: that one ends.",
)
LOG_MEMORY: Setting[int] = Setting(
    name="log_memory",
    env="KUBELAPSE_LOG_MEMORY",
    parse=size,
    default="64MiB",
    help="How much a collector holds in memory while Kafka is away or slow.",
)
LOG_DISK: Setting[int] = Setting(
    name="log_disk",
    env="KUBELAPSE_LOG_DISK",
    parse=size,
    default="1GiB",
    help="How much more it then puts on disk, in the data directory; beyond that reading stops, and may leave a gap.",
)
STATUS_PORT: Setting[int] = Setting(
    name="status_port",
    env="KUBELAPSE_STATUS_PORT",
    flag="--status-port",
    parse=port,
    default="0",
    shown_default="none",
    help="Port for `/metrics`, `/livez` and `/readyz` of a stage that serves no answers; its address is `--host`.",
)

KAFKA_SETTINGS: tuple[Setting[object], ...] = (
    KAFKA,
    SECURITY_PROTOCOL,
    MECHANISM,
    USER,
    PASSWORD_FILE,
    TOKEN_FILE,
    TOKEN_URL,
    TOKEN_SCOPE,
    CA_FILE,
    CERT_FILE,
    KEY_FILE,
    TOPIC_PREFIX,
    GENERATION,
    PARTITIONS,
    REPLICATION,
    RETENTION_DAYS,
    GROUP,
    SLOT,
    TAKE_OVER,
    LOG_MEMORY,
    LOG_DISK,
    STATUS_PORT,
)


def topics(settings: "Settings") -> Topics:
    """The names of the topics. Raises SettingError."""
    return Topics(prefix=settings[TOPIC_PREFIX], generation=settings[GENERATION])


def wanted_topics(settings: "Settings") -> Sequence[TopicSpec]:
    """How the topics are to be set up."""
    return topics(settings).wanted(
        partitions=settings[PARTITIONS],
        replicas=settings[REPLICATION],
        retention_days=settings[RETENTION_DAYS],
    )


def broker(settings: "Settings") -> "Broker":
    """Where Kafka is and who we are there. Raises SettingError, also for what does not fit together."""
    from schema.kafka import Broker

    bootstrap = settings[KAFKA]
    if not bootstrap:
        raise SettingError(f"name the brokers of Kafka with {KAFKA.flag} or {KAFKA.env} (host:port)")
    chosen = settings[SECURITY_PROTOCOL] or _protocol(settings)
    made = Broker(
        bootstrap=bootstrap,
        protocol=cast("SecurityProtocol", chosen),
        mechanism=cast("Mechanism", settings[MECHANISM]),
        user=settings[USER],
        password=_password(settings),
        token_file=settings[TOKEN_FILE],
        client_credentials=_client_credentials(settings),
        ca_file=settings[CA_FILE],
        cert_file=settings[CERT_FILE],
        key_file=settings[KEY_FILE],
    )
    _check(made)
    return made


def _protocol(settings: "Settings") -> str:
    tls = settings[CA_FILE] or settings[CERT_FILE]
    if settings[USER] or settings[TOKEN_FILE]:
        return "SASL_SSL"
    return "SSL" if tls else "PLAINTEXT"


def _password(settings: "Settings") -> str:
    file = settings[PASSWORD_FILE]
    if file is None or settings[MECHANISM] == "OAUTHBEARER":
        return ""
    try:
        return file.read_text().rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "not UTF-8"
        raise SettingError(f"{PASSWORD_FILE.env}: cannot read {file}: {why}") from None


def _client_credentials(settings: "Settings") -> "ClientCredentials | None":
    from schema.kafka import ClientCredentials

    url, secret = settings[TOKEN_URL], settings[PASSWORD_FILE]
    if not url:
        return None
    if secret is None or not settings[USER]:
        raise SettingError(f"{TOKEN_URL.env} needs {USER.env} (the client id) and {PASSWORD_FILE.env} (its secret)")
    return ClientCredentials(token_url=url, client_id=settings[USER], secret_file=secret, scope=settings[TOKEN_SCOPE])


def _check(broker: "Broker") -> None:
    """What cannot work is said before anything is tried."""
    if broker.protocol.startswith("SASL"):
        if broker.mechanism == "OAUTHBEARER":
            if broker.token_file is None and broker.client_credentials is None:
                raise SettingError(f"OAUTHBEARER needs {TOKEN_FILE.env} or {TOKEN_URL.env}")
        elif not broker.user or not broker.password:
            raise SettingError(f"{broker.mechanism} needs {USER.env} and {PASSWORD_FILE.env}")
    elif broker.user or broker.token_file is not None:
        raise SettingError(
            f"{USER.env} and {TOKEN_FILE.env} need {SECURITY_PROTOCOL.env} to be SASL_SSL or SASL_PLAINTEXT"
        )
    if broker.key_file is not None and broker.cert_file is None:
        raise SettingError(f"{KEY_FILE.env} needs {CERT_FILE.env}")
