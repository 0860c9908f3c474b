"""The network between us and our servers fails in every way there is; nothing is lost and nothing done twice."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import psycopg
import pytest

from tests.kit.installation import on_postgresql
from tests.kit.post import Post
from tests.servers.proxy import Proxy
from tests.services.intake.website import open_website
from tests.shared.messaging.test_rabbitmq import Broker, announce, announced, receiver_of, relay_of, running, until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.servers.rabbitmq import Management

FAILURES = {
    "cut": lambda proxy: proxy.cut(),
    "refused": lambda proxy: proxy.refuse(),
    "half-open": lambda proxy: proxy.half_open(),
    "stalled": lambda proxy: proxy.stall(),
}


class Distant(Broker):
    """A broker at the other end of a network that can fail; a dead peer is noticed after some seconds."""

    def __init__(self, url: str, management: Management, port: int) -> None:
        super().__init__(url, management)
        self._port = port

    def url(self, service: str) -> str:
        near = super().url(service)
        host = urlsplit(near).netloc.rpartition(":")[0]
        return f"amqp://{host}:{self._port}{urlsplit(near).path}?heartbeat=4"


@pytest.fixture
def network(broker_urls: tuple[str, str]) -> Iterator[Proxy]:
    """Give the network to the broker."""
    with Proxy(int(urlsplit(broker_urls[0]).port or 5672)) as proxy:
        yield proxy


@pytest.fixture
def broker(amqp_url: Callable[[], str], management: Management, network: Proxy) -> Distant:
    """Give a virtual host beyond that network."""
    return Distant(amqp_url(), management, network.port)


@pytest.fixture
def post(tmp_path: Path) -> Iterator[Post]:
    """Give an intake that announces and a newsletter that receives."""
    made = Post(tmp_path)
    yield made
    made.close()


@pytest.mark.parametrize("failure", FAILURES)
def test_what_is_announced_while_the_network_to_the_broker_fails_arrives_once_it_is_back(
    post: Post, broker: Distant, network: Proxy, failure: str
) -> None:
    """Relay and receiver find out by themselves, connect again, and each event has its effect once."""
    relay, receiver = relay_of(post, broker), receiver_of(post, broker)
    with running(relay), running(receiver):
        announce(post, "before")
        until(lambda: (relay.step() and False) or (receiver.step() and False) or post.rows())
        FAILURES[failure](network)
        announce(post, *(f"meanwhile {number}" for number in range(20)))
        relay.step()
        network.go_on()
        until(lambda: _carry(relay, receiver) and len(post.rows()) == 21)
        assert {state for state, _ in announced(post)} == {"moved"}
    while post.apply():
        pass
    assert sorted(post.heard) == sorted(["before", *(f"meanwhile {number}" for number in range(20))])


def test_a_slow_network_to_the_broker_only_takes_longer(post: Post, broker: Distant, network: Proxy) -> None:
    """Half a second on every packet."""
    network.delay = 0.5
    relay, receiver = relay_of(post, broker), receiver_of(post, broker)
    with running(relay), running(receiver):
        announce(post, *(str(number) for number in range(50)))
        until(lambda: _carry(relay, receiver) and len(post.rows()) == 50)
    while post.apply():
        pass
    assert len(post.heard) == len(set(post.heard)) == 50


@pytest.mark.parametrize("failure", ["cut", "refused"])
def test_a_form_is_acknowledged_only_when_it_is_stored_however_the_network_to_the_database_fails(
    tmp_path: Path, postgres_url: Callable[[], str], failure: str
) -> None:
    """It is 202 and there, or 503 and when to ask again, and not there; when the network is back it is taken again."""
    url = postgres_url()
    with _beyond_a_network(url) as (proxy, distant), open_website(tmp_path, on_postgresql(distant)) as website:
        answers = []
        for number in range(12):
            if number in {3, 7}:
                FAILURES[failure](proxy)
            if number in {5, 9}:
                proxy.go_on()
            answers.append(website.send(message=f"Bericht {number}"))
        statuses = [answer.status_code for answer in answers]
        assert set(statuses) <= {202, 503}
        assert statuses[-1] == 202
        assert all(int(answer.headers["Retry-After"]) > 0 for answer in answers if answer.status_code == 503)
        with psycopg.connect(url) as beside:
            (stored,) = beside.execute("SELECT count(*) FROM intake.contact_forms").fetchone()
        assert stored == statuses.count(202)


@contextmanager
def _beyond_a_network(url: str) -> Iterator[tuple[Proxy, str]]:
    parts = urlsplit(url)
    with Proxy(int(parts.port or 5432)) as proxy:
        account = f"{parts.netloc.rpartition('@')[0]}@" if "@" in parts.netloc else ""
        yield proxy, parts._replace(netloc=f"{account}127.0.0.1:{proxy.port}").geturl()


def _carry(relay, receiver) -> bool:
    relay.step()
    receiver.step(wait=0.1)
    return True
