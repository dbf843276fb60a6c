"""What keeps Kafka from being used is one sentence that says what to do, and its class says what may follow."""

import itertools
from pathlib import Path

import pytest

from schema.kafka import (
    Broker,
    BrokerError,
    TopicsDiffer,
    Unreachable,
    UntrustedCertificate,
    WrongCredentials,
    check,
    create,
    describe,
    started,
)
from schema.topics import Topics
from tests.kafka.broker import RealBroker, free_port
from tests.kafka.certificates import make_certificates

_numbers = itertools.count(1)


@pytest.fixture
def topics() -> Topics:
    return Topics(prefix=f"schema{next(_numbers)}.")


def secured(broker: RealBroker, **other: object) -> Broker:
    given: dict[str, object] = {
        "bootstrap": broker.sasl_bootstrap,
        "protocol": "SASL_SSL",
        "user": "alice",
        "password": "secret",
        "ca_file": broker.ca_file,
    }
    return Broker(**{**given, **other})  # type: ignore[arg-type] # the cases name what they change


async def asked(broker: Broker) -> str:
    with pytest.raises(BrokerError) as refused:
        await describe(broker, ["any"])
    assert "secret" not in str(refused.value)
    return f"{type(refused.value).__name__}: {refused.value}"


async def test_topics_are_made_once_and_are_then_as_they_should_be(broker: RealBroker, topics: Topics) -> None:
    here = Broker(bootstrap=broker.bootstrap)
    wanted = topics.wanted()
    assert await create(here, wanted) == [topics.changes, topics.state, topics.dead_letters]
    assert await create(here, wanted) == []
    assert await check(here, wanted) == []


async def test_every_topic_has_an_id_of_its_own(broker: RealBroker, topics: Topics) -> None:
    here = Broker(bootstrap=broker.bootstrap)
    await create(here, topics.wanted())
    found = await describe(here, [topics.changes, topics.state])
    assert len({one.id for one in found.values()} | {""}) == 3


async def test_missing_topics_are_named(broker: RealBroker, topics: Topics) -> None:
    with pytest.raises(TopicsDiffer, match=f"{topics.changes} does not exist: make it with kubelapse migrate"):
        await check(Broker(bootstrap=broker.bootstrap), topics.wanted())


async def test_more_replicas_than_brokers_are_refused_with_the_setting(broker: RealBroker, topics: Topics) -> None:
    with pytest.raises(TopicsDiffer, match=r"too few brokers .* KUBELAPSE_KAFKA_REPLICATION"):
        await create(Broker(bootstrap=broker.bootstrap), topics.wanted(replicas=3))


@pytest.mark.parametrize("mechanism", ["SCRAM-SHA-256", "SCRAM-SHA-512"])
async def test_a_password_opens_the_broker(broker: RealBroker, mechanism: str) -> None:
    assert await describe(secured(broker, mechanism=mechanism), ["none"]) == {}


async def test_a_wrong_password_is_told_as_such(broker: RealBroker) -> None:
    assert "WrongCredentials: " in await asked(secured(broker, password="other"))


async def test_a_mechanism_that_is_not_offered_is_told_as_such(broker: RealBroker) -> None:
    assert "does not offer the mechanism PLAIN" in await asked(secured(broker, mechanism="PLAIN"))


async def test_a_certificate_of_strangers_is_told_as_such(broker: RealBroker) -> None:
    assert "is not trusted" in await asked(secured(broker, ca_file=None))


async def test_nobody_there_is_worth_another_try() -> None:
    with pytest.raises(Unreachable, match="Connection refused"):
        await describe(Broker(bootstrap=f"127.0.0.1:{free_port()}"), ["any"])


class KnowsNoBroker:
    """As aiokafka's producer at a broker that is just coming back and names nobody, not even itself."""

    async def start(self) -> None:
        node = None
        assert node is not None, "Did we not perform bootstrap?"


async def test_a_broker_that_comes_back_and_knows_no_broker_yet_is_worth_another_try() -> None:
    with pytest.raises(Unreachable):
        await started(KnowsNoBroker(), Broker(bootstrap="127.0.0.1:1"))


async def test_a_wrong_protocol_is_no_mystery(broker: RealBroker) -> None:
    assert "security protocol is PLAINTEXT there" in await asked(Broker(bootstrap=broker.sasl_bootstrap))


async def test_files_that_cannot_be_read_are_named(tmp_path: Path) -> None:
    with pytest.raises(UntrustedCertificate, match="KUBELAPSE_KAFKA_CA_FILE"):
        await describe(Broker(bootstrap="127.0.0.1:1", protocol="SSL", ca_file=tmp_path / "none"), ["any"])


async def test_a_token_that_cannot_be_had_is_a_matter_of_credentials(broker: RealBroker, tmp_path: Path) -> None:
    given = secured(broker, mechanism="OAUTHBEARER", token_file=tmp_path / "none")
    with pytest.raises(WrongCredentials):
        await describe(given, ["any"])


def test_no_secret_is_shown() -> None:
    assert "secret" not in repr(Broker(bootstrap="a:1", password="secret"))


def test_client_certificates_are_taken(tmp_path: Path) -> None:
    made = make_certificates(tmp_path)
    broker = Broker(bootstrap="a:1", protocol="SSL", ca_file=made.ca, cert_file=made.client)
    assert broker.options()["ssl_context"]
