"""What all tests share: suites that need more than Python, the control plane of the session, hypothesis profiles."""

import gc
import itertools
import logging
import random
from collections.abc import Callable, Iterator
from typing import Any

import hypothesis
import pytest

from tests import suites
from tests.controlplane import build
from tests.controlplane.lab import Lab
from tests.kafka import jars
from tests.kafka.broker import RealBroker, warm

LEFT_SOCKET = "ignore:unclosed transport <_SelectorSocketTransport:ResourceWarning"
"""When a time limit ends `AIOKafkaClient.bootstrap` (0.14), nobody but the garbage collector closes its connection."""

hypothesis.settings.register_profile("default", deadline=None, print_blob=True)
hypothesis.settings.register_profile("ci", deadline=None, print_blob=True, database=None, derandomize=False)


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Register the markers; choose hypothesis' profile, and under CI a seed that the header prints.

    Elsewhere hypothesis is left to its memory of failures, which a given seed would switch off.
    """
    for suite in suites.SUITES:
        config.addinivalue_line("markers", f"{suite.marker}: needs {suite.about}")
    hypothesis.settings.load_profile("ci" if suites.under_ci() else "default")
    if suites.under_ci() and config.getoption("hypothesis_seed", None) is None:
        config.option.hypothesis_seed = str(random.randrange(2**32))


def pytest_report_header(config: pytest.Config) -> list[str]:
    """One line for each suite that this machine cannot run, and the seed of hypothesis where there is one."""
    seed = config.getoption("hypothesis_seed", None)
    return [*suites.header(), *([f"hypothesis: --hypothesis-seed={seed}"] if seed else [])]


def pytest_itemcollected(item: pytest.Item) -> None:
    """Whoever uses a control plane or a broker belongs to its suite."""
    if isinstance(item, pytest.Function) and {"lab", "make_lab"} & set(item.fixturenames):
        item.add_marker("controlplane")
    if isinstance(item, pytest.Function) and {"broker", "make_broker"} & set(item.fixturenames):
        item.add_marker("kafka")
    if item.get_closest_marker("kafka"):
        item.add_marker(pytest.mark.filterwarnings(LEFT_SOCKET))


def pytest_collection_finish(session: pytest.Session) -> None:
    """Build or fetch what the tests need before the first one, outside every test's time limit."""
    if session.config.option.collectonly:
        return
    if any(item.get_closest_marker("kafka") for item in session.items) and not jars.missing():
        warm()
    if not any(item.get_closest_marker("controlplane") for item in session.items):
        return
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    capture = session.config.pluginmanager.get_plugin("capturemanager")

    def say(text: str) -> None:
        if reporter is None or capture is None:
            return
        with capture.global_and_fixture_disabled():
            reporter.write_line(text)

    build.build(say)


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip what cannot run here; under CI that is a failure."""
    for suite in suites.SUITES:
        if item.get_closest_marker(suite.marker) and (need := suite.missing()):
            if suites.under_ci() and not suite.optional:
                pytest.fail(f"under CI all suites must run; {suite.marker} needs {need}", pytrace=False)
            pytest.skip(f"{suite.marker} needs {need}")


@pytest.fixture(autouse=True)
def _root_logger_as_before() -> Iterator[None]:
    """A command that runs inside a test sets up logging for its process, which here is that of all tests."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


@pytest.fixture(autouse=True)
def _kafka_sockets_collected(request: pytest.FixtureRequest) -> Iterator[None]:
    """A socket that aiokafka left is found where it was left, not in whichever test comes later."""
    yield
    if request.node.get_closest_marker("kafka"):
        gc.collect()


@pytest.fixture(autouse=True)
def _no_canary_left(request: pytest.FixtureRequest) -> Iterator[None]:
    """Whatever suite leaves secrets about: none of them is in any byte that its tests have written, unpacked."""
    uses = any(getattr(one, "__module__", "") == "tests.fakes.canaries" for one in vars(request.module).values())
    folder = request.getfixturevalue("tmp_path") if uses and "tmp_path" in request.fixturenames else None
    yield
    if folder is not None:
        from kubelapse.purge_proof import search
        from tests.fakes.canaries import needles

        assert search(folder, needles()).found == []


@pytest.fixture(scope="session")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """The session's control plane with controllers and three fake nodes. Shared: break another one (`make_lab`)."""
    with Lab(tmp_path_factory.mktemp("lab"), nodes=3, controllers=True) as running:
        yield running


@pytest.fixture
def make_lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Lab]]:
    """Makes running control planes of a test's own, with the options of `Lab`; they are stopped after the test."""
    made: list[Lab] = []

    def make(**options: Any) -> Lab:
        made.append(Lab(tmp_path_factory.mktemp("own-lab"), **options))
        made[-1].start()
        return made[-1]

    yield make
    for one in reversed(made):
        one.stop()


@pytest.fixture(scope="session")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealBroker]:
    """The session's Kafka broker, with a user alice (password secret). Shared: break another one (`make_broker`)."""
    with RealBroker(tmp_path_factory.mktemp("kafka"), scram={"alice": "secret"}) as running:
        yield running


@pytest.fixture
def make_broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., RealBroker]]:
    """Makes running brokers of a test's own, with the options of `RealBroker`; they are stopped after the test."""
    made: list[RealBroker] = []

    def make(**options: Any) -> RealBroker:
        made.append(RealBroker(tmp_path_factory.mktemp("own-kafka"), **options).start())
        return made[-1]

    yield make
    for one in reversed(made):
        one.stop()


_numbers = itertools.count(1)


@pytest.fixture
def namespace(lab: Lab) -> Iterator[str]:
    """A new namespace in the session's control plane, deleted (not waited for) after the test."""
    name = f"test-{next(_numbers)}"
    api = lab.client()
    api.post("/api/v1/namespaces", {"metadata": {"name": name}})
    yield name
    api.delete(f"/api/v1/namespaces/{name}")
