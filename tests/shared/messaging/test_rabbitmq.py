"""The broker: who may say what, what is confirmed before it is marked, and what happens when it goes away."""

from __future__ import annotations

import gc
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pika
import pytest
import sqlalchemy as sa
from pika.exceptions import AMQPError, ChannelClosedByBroker, ProbableAccessDeniedError

from services import registry
from shared.database import Database
from shared.events import ContactFormReceived
from shared.messaging.asyncapi import EXCHANGE
from shared.messaging.rabbitmq.receiver import LOOK_EVERY, Receiver
from shared.messaging.rabbitmq.relay import WINDOW, Relay
from shared.messaging.rabbitmq.topology import definitions, password_hash, queue_name, user_name
from shared.messaging.tables import outbox
from shared.settings import SERVICES
from tests.kit.post import Post

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.servers.rabbitmq import Management


class Broker:
    """A virtual host with the definitions we ship, in which every service has its own account."""

    def __init__(self, url: str, management: Management) -> None:
        self.management = management
        self.vhost = url.rsplit("/", 1)[1]
        self._host = url.split("@", 1)[1]
        self.define()

    def define(self) -> None:
        """Load the definitions, also again."""
        hashes = {name: password_hash(f"{name}-secret") for name in SERVICES}
        subscriptions = registry.subscriptions(registry.load_all())
        self.management.call("POST", "definitions", definitions(subscriptions, hashes, vhost=self.vhost))

    def url(self, service: str) -> str:
        """The URL of a service's own account."""
        return f"amqp://{user_name(service)}:{service}-secret@{self._host}"

    @contextmanager
    def channel(self, service: str) -> Iterator[Any]:
        """A channel of somebody who has a service's account and tries what they can."""
        connection = pika.BlockingConnection(pika.URLParameters(self.url(service)))
        channel = connection.channel()
        channel.confirm_delivery()
        try:
            yield channel
        finally:
            connection.close()

    def waiting(self, service: str) -> int:
        """How many messages are ready in a service's queue."""
        with self.channel(service) as channel:
            return int(channel.queue_declare(queue_name(service), passive=True).method.message_count)


@pytest.fixture
def broker(amqp_url: Callable[[], str], management: Management) -> Broker:
    """A fresh one for each test."""
    return Broker(amqp_url(), management)


@pytest.fixture
def post(tmp_path: Path) -> Iterator[Post]:
    """An intake that announces and a newsletter that receives."""
    made = Post(tmp_path)
    yield made
    made.close()


def until(condition: Callable[[], object], within: float = 60) -> None:
    """Wait for what another thread or the broker does."""
    deadline = time.monotonic() + within
    while not condition():
        assert time.monotonic() < deadline, "it did not come"
        time.sleep(0.02)


@contextmanager
def running(part: Relay | Receiver) -> Iterator[None]:
    """Connect and let go."""
    part.start()
    try:
        yield
    finally:
        part.stop()


def relay_of(post: Post, broker: Broker, services: tuple[str, ...] = SERVICES) -> Relay:
    """The intake's relay."""
    return Relay(post.installation.tools["intake"].database, broker.url("intake"), "intake", services, post.clock)


def receiver_of(post: Post, broker: Broker, database: Any = None, *, look_every: float = LOOK_EVERY) -> Receiver:
    """The newsletter's receiver."""
    keys = registry.subscriptions(registry.load_all()).binding_keys("newsletter")
    place = database or post.tools.database, broker.url("newsletter")
    return Receiver(*place, "newsletter", keys, post.clock, look_every=look_every)


def announce(post: Post, *forms: str) -> None:
    """Have the intake announce contact forms."""
    tools = post.installation.tools["intake"]
    with tools.database.transaction() as session:
        for form in forms:
            tools.outbox.publish(session, ContactFormReceived(form=form, newsletter=True), now=post.clock())


def announced(post: Post) -> list[tuple[str, str | None]]:
    """State and problem of every row of the intake's outbox."""
    with post.installation.tools["intake"].database.reading() as session:
        return [
            tuple(row) for row in session.execute(sa.select(outbox.c.state, outbox.c.problem).order_by(outbox.c.id))
        ]


def publish(broker: Broker, key: str, body: bytes, **properties: Any) -> None:
    """Put something on the exchange as the intake."""
    with broker.channel("intake") as channel:
        channel.basic_publish(EXCHANGE, key, body, pika.BasicProperties(**properties), mandatory=True)


class TestWhoMaySayWhat:
    """What the broker itself refuses, whatever a service's process was made to do."""

    @pytest.mark.parametrize(
        ("service", "key"),
        [
            ("newsletter", "decision.erasure.newsletter"),
            ("newsletter", "decision.erasure.requests"),
            ("newsletter", "decision.unsubscribe.requests"),
            ("intake", "decision.unsubscribe.intake"),
            ("dossier", "receipt.newsletter"),
            ("dossier", "fact.contact-form-received.intake"),
            ("intake", "receipt.intake.more"),
            ("intake", "anything"),
        ],
    )
    def test_nobody_publishes_what_another_says_or_what_they_may_not_order(self, broker: Broker, service, key) -> None:
        """Only the requests service orders an erasure, and a receipt is one's own."""
        with pytest.raises(ChannelClosedByBroker, match="ACCESS_REFUSED"), broker.channel(service) as channel:
            channel.basic_publish(EXCHANGE, key, b"{}")

    @pytest.mark.parametrize(
        ("service", "key"),
        [
            ("requests", "decision.erasure.requests"),
            ("newsletter", "decision.unsubscribe.newsletter"),
            ("intake", "decision.term-end.intake"),
            ("intake", "fact.contact-form-received.intake"),
            ("dossier", "receipt.dossier"),
        ],
    )
    def test_everybody_publishes_what_is_theirs(self, broker: Broker, service: str, key: str) -> None:
        """And there is a queue that takes it."""
        with broker.channel(service) as channel:
            channel.basic_publish(EXCHANGE, key, b"{}", mandatory=True)

    def test_nobody_gets_round_the_exchange(self, broker: Broker) -> None:
        """Straight into another's queue, where no topic would be checked."""
        with pytest.raises(ChannelClosedByBroker, match="ACCESS_REFUSED"), broker.channel("intake") as channel:
            channel.basic_publish("", queue_name("requests"), b"{}")

    def test_nobody_signs_as_another(self, broker: Broker) -> None:
        """The broker checks the account that a message names."""
        properties = pika.BasicProperties(user_id=user_name("requests"))
        with pytest.raises(ChannelClosedByBroker, match="user_id"), broker.channel("intake") as channel:
            channel.basic_publish(EXCHANGE, "receipt.intake", b"{}", properties)

    @pytest.mark.parametrize(
        "tried",
        [
            lambda channel: channel.queue_declare("q.more", durable=True),
            lambda channel: channel.exchange_declare("more", "fanout"),
            lambda channel: channel.queue_delete(queue_name("intake")),
            lambda channel: channel.exchange_delete(EXCHANGE),
            lambda channel: channel.queue_bind(queue_name("requests"), EXCHANGE, "#"),
            lambda channel: channel.queue_unbind(queue_name("requests"), EXCHANGE, "decision.#"),
            lambda channel: channel.basic_consume(queue_name("requests"), print),
            lambda channel: channel.basic_get(queue_name("requests")),
            lambda channel: channel.queue_purge(queue_name("requests")),
        ],
        ids=["queue", "exchange", "delete queue", "delete exchange", "bind", "unbind", "consume", "get", "purge"],
    )
    def test_nobody_changes_what_the_broker_holds_nor_reads_another_s_queue(self, broker: Broker, tried) -> None:
        """The definitions are loaded by who runs the broker."""
        with pytest.raises(ChannelClosedByBroker, match="ACCESS_REFUSED"), broker.channel("intake") as channel:
            tried(channel)

    def test_an_account_without_a_password_opens_nothing(self, broker: Broker) -> None:
        """As the definitions are committed: whoever loads them and forgets the passwords has a closed door."""
        subscriptions = registry.subscriptions(registry.load_all())
        broker.management.call("POST", "definitions", definitions(subscriptions, {}, vhost=broker.vhost))
        for password in ("", "intake-secret"):
            account = pika.PlainCredentials(user_name("intake"), password)
            parameters = pika.URLParameters(broker.url("intake"))
            parameters.credentials = account
            with pytest.raises((ProbableAccessDeniedError, AMQPError)):
                pika.BlockingConnection(parameters)


class TestRelay:
    """Out of the outbox: marked when it is confirmed, and not before."""

    def test_what_is_confirmed_is_marked_and_carries_its_signature(self, post: Post, broker: Broker) -> None:
        """Byte for byte, with signature and key beside it."""
        announce(post, "a", "b")
        relay = relay_of(post, broker)
        with running(relay):
            until(relay.step)
        assert announced(post) == [("moved", None)] * 2
        with broker.channel("newsletter") as channel:
            _, properties, body = channel.basic_get(queue_name("newsletter"), auto_ack=True)
        with post.installation.tools["intake"].database.reading() as session:
            row = session.execute(sa.select(outbox).order_by(outbox.c.id)).mappings().first()
        assert row is not None
        assert body.decode() == row["body"]
        assert (properties.headers["signature"], properties.headers["key_id"]) == (row["signature"], row["key_id"])
        assert (properties.message_id, properties.user_id, properties.delivery_mode) == (
            row["event_id"],
            user_name("intake"),
            2,
        )

    def test_more_than_a_window_goes_in_its_order(self, post: Post, broker: Broker) -> None:
        """A backlog after the broker was away."""
        forms = [str(number) for number in range(WINDOW + 50)]
        announce(post, *forms)
        relay, receiver = relay_of(post, broker), receiver_of(post, broker)
        with running(relay), running(receiver):
            until(lambda: not relay.step() and {state for state, _ in announced(post)} == {"moved"})
            until(lambda: (receiver.step() and False) or len(post.rows()) == len(forms))
        while post.apply():
            pass
        assert post.heard == forms

    def test_an_event_that_no_queue_takes_is_not_marked_and_does_not_stop_the_others(
        self, post: Post, broker: Broker
    ) -> None:
        """A confirmed message may have gone nowhere: the broker says so, and the row waits and shows it."""
        announce(post, "lost", "heard")
        database = post.installation.tools["intake"].database
        with database.transaction() as session:
            first = sa.select(sa.func.min(outbox.c.id)).scalar_subquery()
            session.execute(sa.update(outbox).where(outbox.c.id == first).values(routing_key="fact.unheard.intake"))
        relay = relay_of(post, broker)
        with running(relay):
            until(relay.step)
            assert announced(post) == [("waiting", "refused by the broker, or no queue took it"), ("moved", None)]
            assert not relay.step()
            post.clock.forward(minutes=2)
            until(relay.step)
        assert announced(post)[0][0] == "waiting"

    def test_without_one_queue_of_the_roster_nothing_is_sent_and_it_is_said_which(
        self, post: Post, broker: Broker, caplog: pytest.LogCaptureFixture
    ) -> None:
        """Who is not there would never hear of it: it all waits, and goes when the queue is back."""
        broker.management.call("DELETE", f"queues/{broker.vhost}/{queue_name('requests')}")
        announce(post, "a")
        relay = relay_of(post, broker)
        with running(relay):
            until(lambda: relay.step() or "q.requests" in _fields(caplog))
            assert not relay.step()
            assert announced(post) == [("waiting", None)]
            assert broker.waiting("newsletter") == 0
            broker.define()
            until(relay.step)
        assert announced(post) == [("moved", None)]

    def test_the_queues_are_looked_for_also_on_a_machine_that_has_just_started(
        self, post: Post, broker: Broker
    ) -> None:
        """The first look is at the first step, however young the machine's own clock is."""
        relay = relay_of(post, broker)
        with running(relay):
            until(lambda: relay._channel is not None)
            assert time.monotonic() - relay._checked_at > 10**9

    def test_an_event_from_a_clock_that_was_ahead_goes_at_once(self, post: Post, broker: Broker) -> None:
        """The machine thought it was tomorrow: what was announced then is not kept till then."""
        post.clock.forward(days=1)
        announce(post, "a")
        post.clock.forward(days=-1)
        relay = relay_of(post, broker)
        with running(relay):
            until(relay.step)
        assert announced(post) == [("moved", None)]

    def test_it_goes_on_after_its_connection_was_lost(self, post: Post, broker: Broker) -> None:
        """The rest of the outbox goes over the next connection."""
        relay = relay_of(post, broker)
        with running(relay):
            announce(post, "a")
            until(relay.step)
            relay._connection.drop()
            announce(post, "b")
            # What went into the dying connection is not confirmed, and goes again.
            until(lambda: relay.step() and announced(post) == [("moved", None)] * 2)

    def test_it_can_be_stopped_while_it_connects(self, post: Post, broker: Broker) -> None:
        """Nothing is left open: a connection that nobody closed would be an error in these tests."""
        for pause in (0, 0.001, 0.005, 0.02, 0.05):
            relay = relay_of(post, broker)
            with running(relay):
                time.sleep(pause)
            assert not relay._connection._thread.is_alive()
        gc.collect()

    def test_a_fault_in_the_connection_s_own_thread_does_not_end_it(self, post: Post, broker: Broker) -> None:
        """Whatever goes wrong there, the thread makes a new connection: without it nothing would ever move again."""
        relay = relay_of(post, broker)

        def fail() -> None:
            raise ZeroDivisionError

        with running(relay):
            until(lambda: relay._channel is not None)
            relay._connection.call(fail)
            until(lambda: relay._channel is None)
            announce(post, "a")
            until(relay.step)
        assert announced(post) == [("moved", None)]


class TestReceiver:
    """Into the inbox: acknowledged when it is stored, and not before."""

    def test_what_cannot_be_stored_is_not_acknowledged_and_comes_again(self, post: Post, broker: Broker) -> None:
        """The database is away: the message stays at the broker, and this receiver stores it when it can."""
        event = post.form("a")
        publish(broker, "fact.contact-form-received.intake", event.body.encode())
        receiver = receiver_of(post, broker, Away(post.tools.database))
        with running(receiver):
            until(lambda: receiver._deliveries)
            with pytest.raises(ConnectionError):
                receiver.step()
            assert post.rows() == []
            assert receiver.step()
            until(lambda: broker.waiting("newsletter") == 0)
        assert [row["event_id"] for row in post.rows()] == [event.event_id]
        assert broker.waiting("newsletter") == 0

    def test_a_receiver_that_ends_without_storing_leaves_everything_to_the_next(
        self, post: Post, broker: Broker
    ) -> None:
        """Killed between delivery and commit."""
        publish(broker, "fact.contact-form-received.intake", post.form("a").body.encode())
        receiver = receiver_of(post, broker)
        with running(receiver):
            until(lambda: receiver._deliveries)
        assert post.rows() == []
        until(lambda: broker.waiting("newsletter") == 1)

    def test_bytes_that_are_no_event_are_kept_and_do_not_stop_the_rest(self, post: Post, broker: Broker) -> None:
        """Whatever is in them, and whatever is in their headers."""
        key = "fact.contact-form-received.intake"
        publish(broker, key, b"\xff\xfe\x00")
        publish(broker, key, b"[" * 100_000, headers={"signature": "a\0b", "key_id": 7}, type="\0")
        event = post.form("a")
        headers = {"signature": event.signature, "key_id": event.key_id}
        publish(broker, key, event.body.encode(), message_id=event.event_id, headers=headers)
        receiver = receiver_of(post, broker)
        with running(receiver):
            until(lambda: (receiver.step() and False) or len(post.rows()) == 3)
            until(lambda: broker.waiting("newsletter") == 0)
        post.apply()
        assert [state for state, _ in post.states()] == ["parked", "parked", "applied"]
        assert post.heard == ["a"]

    def test_a_queue_that_was_deleted_and_made_again_is_read_again(self, post: Post, broker: Broker) -> None:
        """Somebody mended the broker: the receiver must not sit there with a consumer that is none."""
        receiver = receiver_of(post, broker, look_every=1)
        with running(receiver):
            until(lambda: receiver._channel is not None)
            broker.management.call("DELETE", f"queues/{broker.vhost}/{queue_name('newsletter')}")
            broker.define()
            publish(broker, "fact.contact-form-received.intake", post.form("a").body.encode())
            until(lambda: receiver.step() or post.rows())
        assert len(post.rows()) == 1

    def test_a_consumer_that_is_gone_without_a_word_is_replaced(self, post: Post, broker: Broker) -> None:
        """The channel is open, the broker says nothing, and nothing comes: a new channel hears again."""
        receiver = receiver_of(post, broker, look_every=1)
        with running(receiver):
            until(lambda: receiver._channel is not None and receiver._channel.consumer_tags)
            deaf = receiver._channel
            receiver._connection.call(lambda: deaf.basic_cancel(deaf.consumer_tags[0]))
            publish(broker, "fact.contact-form-received.intake", post.form("a").body.encode())
            until(lambda: receiver.step() or post.rows())
            assert receiver._channel.connection is deaf.connection
            until(lambda: broker.waiting("newsletter") == 0)
        assert len(post.rows()) == 1

    def test_a_lost_binding_is_mended_and_what_is_held_keeps_its_channel(self, post: Post, broker: Broker) -> None:
        """While the database is away nothing is given back: the broker counts how often that happens."""
        event = post.form("a")
        publish(broker, "fact.contact-form-received.intake", event.body.encode(), message_id=event.event_id)
        receiver = receiver_of(post, broker, look_every=0.2)
        place = f"bindings/{broker.vhost}/e/{EXCHANGE}/q/{queue_name('newsletter')}"

        def bindings() -> set[str]:
            return {each["properties_key"] for each in broker.management.call("GET", place)}

        with running(receiver):
            until(lambda: receiver._deliveries)
            channel, whole = receiver._channel, bindings()
            for key in sorted(whole)[:3]:
                broker.management.call("DELETE", f"{place}/{quote(key, safe='')}")
                until(lambda: bindings() == whole)
            assert receiver._channel is channel
            assert receiver.step()
            until(lambda: broker.waiting("newsletter") == 0)
        assert [row["event_id"] for row in post.rows()] == [event.event_id]

    def test_what_a_new_channel_brings_while_the_old_one_s_batch_is_stored_is_not_forgotten(
        self, post: Post, broker: Broker
    ) -> None:
        """Delivered and never acknowledged, it would lie there until the next restart."""
        publish(broker, "fact.contact-form-received.intake", post.form("a").body.encode())
        slow = Slow(post.tools.database)
        receiver = receiver_of(post, broker, slow)

        def lose_the_channel() -> None:
            old = receiver._channel
            receiver._connection.drop()
            until(lambda: receiver._channel not in (None, old) and receiver._deliveries)

        slow.meanwhile = lose_the_channel
        with running(receiver):
            until(lambda: receiver._deliveries)
            assert receiver.step()
            assert receiver.step()
            until(lambda: broker.waiting("newsletter") == 0)
        assert len(post.rows()) == 1
        assert broker.waiting("newsletter") == 0


class Away:
    """A database that is away the first time."""

    def __init__(self, database: Database) -> None:
        self._database, self._away = database, True

    def transaction(self):
        if self._away:
            self._away = False
            raise ConnectionError
        return self._database.transaction()


class Slow:
    """A database in whose first transaction other things happen."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.meanwhile: Callable[[], None] = lambda: None

    @contextmanager
    def transaction(self) -> Iterator[Any]:
        with self._database.transaction() as session:
            yield session
        meanwhile, self.meanwhile = self.meanwhile, lambda: None
        meanwhile()


def _fields(caplog: pytest.LogCaptureFixture) -> str:
    return " ".join(str(getattr(record, "fields", "")) for record in caplog.records)
