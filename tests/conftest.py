"""What all tests share: private servers for whoever asks, and no skipped test where it counts."""

from __future__ import annotations

import gc
import os
from contextlib import ExitStack
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit

import pytest
from hypothesis import settings
from xdist.scheduler import LoadFileScheduling

from tests.kit.empty import schemas
from tests.servers.dovecot import Dovecot
from tests.servers.kept import MissingServerError
from tests.servers.postgresql import Databases, PostgreSQL
from tests.servers.rabbitmq import Management, RabbitMQ, VirtualHosts

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator

POSTGRES = os.environ.get("DISCREET_TEST_POSTGRES_URL")
AMQP = os.environ.get("DISCREET_TEST_AMQP_URL")
MANAGEMENT = os.environ.get("DISCREET_TEST_MANAGEMENT_URL")
E2E = "tests/e2e/"
BROKER = (
    "tests/bench/test_gates.py",
    "tests/contracts/test_movers.py",
    "tests/faults/failpoints/test_every_mover.py",
    "tests/faults/test_alarms.py",
    "tests/faults/test_matrix.py",
    "tests/faults/test_network.py",
    "tests/servers/test_servers.py",
    "tests/shared/messaging/test_rabbitmq.py",
)
broker_now = ExitStack()
ServerT = TypeVar("ServerT")

# How long one example takes says something of the machine that day, and nothing of the code.
settings.register_profile("discreet", deadline=None)
settings.load_profile("discreet")


class FilesTogether(LoadFileScheduling):
    """A file's tests run in one process, and so do those that share what takes long to start: a system, a broker."""

    def _split_scope(self, nodeid: str) -> str:
        file = super()._split_scope(nodeid)
        if file.startswith(E2E):
            return E2E
        return BROKER[0] if file in BROKER else file


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> FilesTogether:
    """Have the files run in their order, which begins with what takes longest."""
    config.option.loadscopereorder = False
    return FilesTogether(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Have one process, too, run the files that need a broker one after another: it ends with the last of them."""
    items.sort(key=lambda item: not _needs_a_broker(item))


def _needs_a_broker(item: pytest.Item) -> bool:
    return item.nodeid.partition("::")[0] in BROKER


def pytest_collection_finish() -> None:
    """What was imported and collected stays to the end: looking through it for garbage takes a tenth of the time."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)


@pytest.fixture(scope="session")
def postgres() -> Iterator[Databases]:
    """Give databases on a private server, or on the one that the environment names."""
    if POSTGRES:
        databases = Databases(POSTGRES)
        yield databases
        databases.drop()
    else:
        with _or_skip(partial(PostgreSQL, serves_many=True)) as server:
            yield Databases(server.url)


@pytest.fixture(scope="session")
def postgres_url(postgres: Databases) -> Callable[[], str]:
    """Give a function that makes an empty database and returns its URL."""
    return postgres.create


@pytest.fixture(scope="session")
def postgres_environ(postgres: Databases) -> Callable[[], dict[str, str]]:
    """Give a function that returns the environment of an installation on a database that is made with it."""
    return lambda: schemas(postgres.plan())


@pytest.fixture(scope="session")
def own_broker() -> Iterator[RabbitMQ]:
    """Give a broker of this process, which a test may hold up or kill as long as it works again afterwards."""
    yield broker_now.enter_context(_or_skip(RabbitMQ))
    broker_now.close()


@pytest.fixture(scope="session")
def broker_urls(request: pytest.FixtureRequest) -> tuple[str, str]:
    """Give the AMQP URL and the management URL of a broker, both with an account that may do everything."""
    if not AMQP:
        broker: RabbitMQ = request.getfixturevalue("own_broker")
        return broker.url, broker.management_url
    parts = urlsplit(AMQP)
    account = f"{parts.username or 'guest'}:{parts.password or 'guest'}"
    return AMQP, MANAGEMENT or f"http://{account}@{parts.hostname}:15672"


@pytest.fixture(scope="session")
def amqp_url(broker_urls: tuple[str, str]) -> Iterator[Callable[[], str]]:
    """Give a function that makes an empty virtual host and returns its AMQP URL."""
    virtual_hosts = VirtualHosts(*broker_urls)
    yield virtual_hosts.create
    if AMQP:
        virtual_hosts.delete()


@pytest.fixture(scope="session")
def management(broker_urls: tuple[str, str]) -> Management:
    """Give the broker's management interface: queues, policies, permissions, connections."""
    return Management(broker_urls[1])


def pytest_runtest_teardown(item: pytest.Item, nextitem: pytest.Item | None) -> None:
    """End the broker with the last test of the files that need one: it has work of its own when nobody uses it."""
    if nextitem is None or not _needs_a_broker(nextitem):
        broker_now.close()


@pytest.fixture(scope="session")
def dovecot() -> Iterator[Dovecot]:
    """Give a mail host whose every mailbox is somebody's own."""
    with _or_skip(Dovecot) as server:
        yield server


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Fail what would be skipped for want of something, where nobody looks at skips."""
    return _never_skipped((yield))


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """The same for a whole module."""
    return _never_skipped((yield))


ReportT = TypeVar("ReportT", pytest.TestReport, pytest.CollectReport)


def _never_skipped(report: ReportT) -> ReportT:
    if report.skipped and os.environ.get("CI") and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"Skipped, which CI does not take: {report.longrepr[2]}"
    return report


def _or_skip(server: Callable[[], ServerT]) -> ServerT:
    try:
        return server()
    except MissingServerError as error:
        pytest.skip(str(error))
