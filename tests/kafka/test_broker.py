from collections.abc import Callable

from schema.kafka import Broker, create, describe
from schema.topics import Topics
from tests.kafka.broker import RealBroker


async def test_a_broker_that_was_killed_still_has_its_topics(make_broker: Callable[..., RealBroker]) -> None:
    broker = make_broker()
    here = Broker(bootstrap=broker.bootstrap)
    await create(here, Topics().wanted())
    before = await describe(here, [Topics().changes])
    broker.kill()
    broker.start()
    assert await describe(here, [Topics().changes]) == before
