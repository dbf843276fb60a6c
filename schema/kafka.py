"""The one adapter to Kafka's client that capture and ingest share: how to connect, and what went wrong.

`Broker` is where the brokers are and who we are to them; `options()` are aiokafka's keyword arguments, the same for
producer, consumer and admin client. `started` starts a client: the exception of aiokafka 0.14 is the same whether no
broker answers, the password is wrong or the certificate is not trusted; only its log lines carry the cause, so they are
read while a client starts, and become one sentence.

BrokerError
├── Unreachable            nobody answers; worth another try
├── WrongCredentials       the broker refused user, password, token or mechanism
├── UntrustedCertificate   the broker's certificate is not signed by the given CA, or ours is refused
├── NotAllowed             known, but without the right
└── TopicsDiffer           a topic is missing or not as it must be
"""

import asyncio
import json
import logging
import os
import ssl
import urllib.parse
import urllib.request
from base64 import b64encode
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal, Protocol, TypeVar

import aiokafka.errors as kafka
from aiokafka.abc import AbstractTokenProvider
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from schema.kafka_ids import topic_ids
from schema.topics import Difference, TopicSpec, TopicState, differences

log = logging.getLogger(__name__)

SecurityProtocol = Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"]
Mechanism = Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", "OAUTHBEARER"]

CLIENT: Final = "kubelapse"
START_TIMEOUT: Final = 15.0
TOKEN_TIMEOUT: Final = 10.0
_LOOK_EVERY: Final = 0.25
# Codes of the protocol: https://kafka.apache.org/protocol#protocol_error_codes
_UNKNOWN_TOPIC, _TOPIC_EXISTS, _INVALID_REPLICATION = 3, 36, 38


class BrokerError(Exception):
    """Kafka cannot be used, with a sentence that says what to do."""


class Unreachable(BrokerError):
    """Nobody answers; worth another try."""


class WrongCredentials(BrokerError):
    """The broker refused user, password, token or mechanism."""


class UntrustedCertificate(BrokerError):
    """TLS came to nothing because one side does not trust the other."""


class NotAllowed(BrokerError):
    """Known to the broker, but without the right for this."""


class TopicsDiffer(BrokerError):
    """A topic is missing, or not as it must be."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientCredentials:
    """How to get an OAuth token for ourselves (RFC 6749, 4.4). `secret_file` is read at every renewal."""

    token_url: str
    client_id: str
    secret_file: Path
    scope: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Broker:
    """Where the brokers are, and who we are to them. No secret is ever shown."""

    bootstrap: str
    protocol: SecurityProtocol = "PLAINTEXT"
    mechanism: Mechanism = "SCRAM-SHA-512"
    user: str = ""
    password: str = field(default="", repr=False)
    token_file: Path | None = None
    client_credentials: ClientCredentials | None = None
    ca_file: Path | None = None
    cert_file: Path | None = None
    key_file: Path | None = None

    def __str__(self) -> str:
        return self.bootstrap

    def options(self) -> dict[str, Any]:
        """Keyword arguments of every aiokafka client. Raises UntrustedCertificate for files that cannot be used."""
        options: dict[str, Any] = {
            "bootstrap_servers": [one.strip() for one in self.bootstrap.split(",") if one.strip()],
            "client_id": CLIENT,
            "security_protocol": self.protocol,
        }
        if self.protocol.endswith("SSL"):
            options["ssl_context"] = self._tls()
        if self.protocol.startswith("SASL"):
            options["sasl_mechanism"] = self.mechanism
            options |= self._sasl()
        return options

    def _tls(self) -> ssl.SSLContext:
        try:
            context = ssl.create_default_context(cafile=self.ca_file)
            if self.cert_file is not None:
                context.load_cert_chain(self.cert_file, self.key_file)
        except OSError as error:  # ssl.SSLError is one
            raise UntrustedCertificate(
                f"the TLS files for Kafka cannot be used ({error.strerror or error}): check "
                "KUBELAPSE_KAFKA_CA_FILE, KUBELAPSE_KAFKA_CERT_FILE and KUBELAPSE_KAFKA_KEY_FILE"
            ) from None
        return context

    def _sasl(self) -> dict[str, Any]:
        if self.mechanism == "OAUTHBEARER":
            return {"sasl_oauth_token_provider": _Token(self)}
        return {"sasl_plain_username": self.user, "sasl_plain_password": self.password}


class _NoToken(kafka.KafkaError):  # type: ignore[misc] # aiokafka ships no types
    """The token's file or endpoint gave none; an error of aiokafka, so that a connection counts as failed."""


class _Token(AbstractTokenProvider):  # type: ignore[misc] # aiokafka ships no types
    """A bearer token: from a file that somebody renews, or fetched for ourselves. Asked at every connection."""

    def __init__(self, broker: Broker) -> None:
        self._broker = broker

    async def token(self) -> str:
        """aiokafka's hook."""
        try:
            return await asyncio.to_thread(self._get)
        except (OSError, ValueError) as error:
            why = error.strerror if isinstance(error, OSError) and error.strerror else type(error).__name__
            raise _NoToken(f"{why}: check KUBELAPSE_KAFKA_TOKEN_FILE or KUBELAPSE_KAFKA_TOKEN_URL") from error

    def extensions(self) -> dict[str, str]:
        """None (RFC 7628 allows some)."""
        return {}

    def _get(self) -> str:
        if self._broker.token_file is not None:
            return self._broker.token_file.read_text().strip()
        asked = self._broker.client_credentials
        if asked is None:
            raise OSError("no token file and no client credentials are set for OAUTHBEARER")
        return _fetch_token(asked)


def _fetch_token(asked: ClientCredentials) -> str:
    """RFC 6749, 4.4.2: client credentials in a Basic header. Raises OSError."""
    form = {"grant_type": "client_credentials", **({"scope": asked.scope} if asked.scope else {})}
    pair = f"{urllib.parse.quote(asked.client_id)}:{urllib.parse.quote(asked.secret_file.read_text().strip())}"
    request = urllib.request.Request(  # the scheme is checked with the setting
        asked.token_url,
        data=urllib.parse.urlencode(form).encode(),
        headers={"Authorization": "Basic " + b64encode(pair.encode()).decode()},
    )
    with urllib.request.urlopen(request, timeout=TOKEN_TIMEOUT) as answer:
        document = json.loads(answer.read(1_000_000))
    token = document.get("access_token") if isinstance(document, dict) else None
    if not isinstance(token, str):
        raise OSError("the token endpoint gave no access_token")
    return token


class Startable(Protocol):
    """What producer, consumer and admin client have in common."""

    async def start(self) -> None:
        """Connect; raises aiokafka's errors."""
        ...


class _Causes(logging.Filter):
    """Takes the errors out of aiokafka's log lines of this task, and the lines out of the log."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[BaseException] = []
        self._task = asyncio.current_task()

    def filter(self, record: logging.LogRecord) -> bool:
        """False for the lines that become our sentence."""
        if asyncio.current_task() is not self._task or record.levelno < logging.WARNING:
            return True
        for value in record.args if isinstance(record.args, tuple) else ():
            if isinstance(value, BaseException):
                self.found += _chain(value)
        return False


@contextmanager
def _causes() -> Iterator[_Causes]:
    """While this lasts, what the client logs in this task is collected instead."""
    causes, loggers = _Causes(), [logging.getLogger(name) for name in ("aiokafka", "aiokafka.client", "aiokafka.conn")]
    for one in loggers:
        one.addFilter(causes)
    try:
        yield causes
    finally:
        for one in loggers:
            one.removeFilter(causes)


_Client = TypeVar("_Client", bound=Startable)


async def started(client: _Client, broker: Broker, *, timeout: float = START_TIMEOUT) -> _Client:
    """Start this producer, consumer or admin client. Raises BrokerError; the client is then no longer usable.

    A client that failed may hold half-open connections: the caller throws it away (`discard` of its own kind).
    """
    with _causes() as causes:
        try:
            async with asyncio.timeout(timeout):
                await client.start()
        except (kafka.KafkaError, OSError, TimeoutError, AssertionError) as error:
            # A broker that is just coming back may name no brokers, not even itself: aiokafka asserts that one does.
            raise explained([error, *causes.found], broker) from error
    return client


def explained(errors: Sequence[BaseException], broker: Broker) -> BrokerError:
    """The sentence for these errors of aiokafka and what they were caused by; the most telling one decides."""
    chain = [cause for error in errors for cause in _chain(error)]
    for cause in chain:
        if (told := _told(cause, broker)) is not None:
            return told
    system = next((one for one in chain if isinstance(one, OSError) and one.strerror), None)
    why = f" ({_strerror(system)})" if system is not None else ""
    return Unreachable(
        f"no Kafka broker answers at {broker}{why}: check KUBELAPSE_KAFKA, and that the security protocol is "
        f"{broker.protocol} there"
    )


def _strerror(error: OSError) -> str | None:
    """The system's words; asyncio puts addresses of its own into a refused connection."""
    return os.strerror(error.errno) if isinstance(error, ConnectionError) and error.errno else error.strerror


def _told(cause: BaseException, broker: Broker) -> BrokerError | None:
    who = f" {broker.user}" if broker.user else ""
    match cause:
        case kafka.UnsupportedSaslMechanismError():
            return WrongCredentials(
                f"Kafka at {broker} does not offer the mechanism {broker.mechanism}: choose another"
            )
        case kafka.SaslAuthenticationFailed() | kafka.AuthenticationFailedError():
            return WrongCredentials(
                f"Kafka at {broker} refused the credentials of the user{who}: check user, password file and mechanism"
            )
        case kafka.TopicAuthorizationFailedError() | kafka.GroupAuthorizationFailedError():
            return NotAllowed(f"Kafka at {broker} does not allow the user{who} to use a topic or group: grant it")
        case kafka.ClusterAuthorizationFailedError() | kafka.TransactionalIdAuthorizationFailed():
            return NotAllowed(f"Kafka at {broker} does not allow this to the user{who}: grant it")
        case ssl.SSLCertVerificationError():
            return UntrustedCertificate(
                f"the certificate of Kafka at {broker} is not trusted ({cause.verify_message}): "
                "check KUBELAPSE_KAFKA_CA_FILE and the name in KUBELAPSE_KAFKA"
            )
        case ssl.SSLError() if "ALERT" in str(cause).upper() or "CERTIFICATE" in str(cause).upper():
            return UntrustedCertificate(
                f"Kafka at {broker} refused our side of TLS: check KUBELAPSE_KAFKA_CERT_FILE and _KEY_FILE"
            )
        case _NoToken():
            return WrongCredentials(f"no token for Kafka at {broker} can be had: {cause}")
        case _:
            return None


def _chain(error: BaseException) -> list[BaseException]:
    found: list[BaseException] = []
    below: BaseException | None = error
    while below is not None and below not in found and len(found) < 10:
        found.append(below)
        below = below.__cause__ or below.__context__
    return found


@asynccontextmanager
async def admin(broker: Broker) -> AsyncIterator[AIOKafkaAdminClient]:
    """A connected admin client. Raises BrokerError."""
    client = AIOKafkaAdminClient(**broker.options(), request_timeout_ms=int(START_TIMEOUT * 1000))
    try:
        await started(client, broker)
        yield client
    finally:
        await client.close()


async def describe(broker: Broker, names: Sequence[str]) -> Mapping[str, TopicState]:
    """These topics as they are; a missing one is left out. Raises BrokerError."""
    with as_broker_errors(broker):
        async with admin(broker) as client:
            found = {
                topic["topic"]: topic
                for topic in await client.describe_topics(None)
                if topic["topic"] in names and topic["error_code"] != _UNKNOWN_TOPIC
            }
            if not found:
                return {}
            settings, ids = await _settings(client, list(found)), await topic_ids(client, list(found))
            return {
                name: _state(name, topic, settings.get(name, {}), ids.get(name, "")) for name, topic in found.items()
            }


async def create(broker: Broker, specs: Sequence[TopicSpec]) -> list[str]:
    """Make those topics that are missing; their names. Raises BrokerError."""
    there = await describe(broker, [spec.name for spec in specs])
    missing = [spec for spec in specs if spec.name not in there]
    if not missing:
        return []
    with as_broker_errors(broker):
        async with admin(broker) as client:
            made = [
                NewTopic(spec.name, spec.partitions, spec.replicas, topic_configs=dict(spec.settings))
                for spec in missing
            ]
            answer = await client.create_topics(made)
    for name, code, *message in answer.topic_errors:
        if code and code != _TOPIC_EXISTS:
            raise _not_made(name, code, message[0] if message else "", broker)
    names = [spec.name for spec in missing]
    await _known(broker, names)
    return names


async def _known(broker: Broker, names: Sequence[str]) -> None:
    """Until the broker that answers knows what the controller has made; a busy one may take seconds."""
    for _ in range(int(START_TIMEOUT / _LOOK_EVERY)):
        if len(await describe(broker, names)) == len(names):
            return
        await asyncio.sleep(_LOOK_EVERY)


async def check(broker: Broker, specs: Sequence[TopicSpec]) -> list[Difference]:
    """Where the topics are not as they must be. Raises BrokerError, TopicsDiffer with the first that is fatal."""
    found = await describe(broker, [spec.name for spec in specs])
    told = [one for spec in specs for one in differences(spec, found.get(spec.name))]
    if fatal := [one for one in told if one.fatal]:
        raise TopicsDiffer("; ".join(one.sentence for one in fatal))
    return told


@contextmanager
def as_broker_errors(broker: Broker) -> Iterator[None]:
    """What aiokafka raises meanwhile, as BrokerError."""
    try:
        yield
    except (kafka.KafkaError, OSError, TimeoutError) as error:
        raise explained([error], broker) from error


async def _settings(client: AIOKafkaAdminClient, names: Sequence[str]) -> dict[str, dict[str, str]]:
    """Topic → its configuration; empty where we may not read it."""
    answers = await client.describe_configs([ConfigResource(ConfigResourceType.TOPIC, name) for name in names])
    return {
        resource[3]: {entry[0]: entry[1] or "" for entry in resource[4]}
        for answer in answers
        for resource in answer.resources
        if not resource[0]
    }


def _state(name: str, topic: Mapping[str, Any], settings: Mapping[str, str], topic_id: str) -> TopicState:
    partitions = topic["partitions"]
    replicas = min((len(one["replicas"]) for one in partitions), default=0)
    return TopicState(name=name, partitions=len(partitions), replicas=replicas, settings=settings, id=topic_id)


def _not_made(name: str, code: int, message: str, broker: Broker) -> BrokerError:
    if code == _INVALID_REPLICATION:
        return TopicsDiffer(
            f"topic {name} cannot be made: Kafka at {broker} has too few brokers for the replicas asked for: "
            "lower KUBELAPSE_KAFKA_REPLICATION or add brokers"
        )
    cause = kafka.for_code(code)(message)
    return _told(cause, broker) or TopicsDiffer(f"topic {name} cannot be made: {message or type(cause).__name__}")
