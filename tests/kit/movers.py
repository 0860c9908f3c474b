"""Other movers under the same installation: RabbitMQ, and one that does its worst."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import sqlalchemy as sa

from services import registry
from shared.messaging import inbox as inboxes
from shared.messaging.outbox import stored_event
from shared.messaging.rabbitmq.receiver import Receiver
from shared.messaging.rabbitmq.relay import Relay
from shared.messaging.rabbitmq.topology import definitions, password_hash, user_name
from shared.messaging.tables import MOVED, WAITING, outbox

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from shared.messaging.outbox import StoredEvent
    from shared.service import Service
    from tests.kit.installation import Installation
    from tests.servers.rabbitmq import Management


class Rabbit:
    """A relay and a receiver for each service, on a broker that was given the definitions we ship."""

    quiet_rounds = 4

    def __init__(self, installation: Installation, urls: Callable[[str], str], *, wait: float = 0.1) -> None:
        """Connect; ``wait`` is how long each receiver waits for something to come, in seconds."""
        self._wait = wait
        subscriptions = registry.subscriptions(installation.services)
        names = sorted(installation.services)
        self.relays, self.receivers = {}, {}
        for name, tools in installation.tools.items():
            keys = subscriptions.binding_keys(name)
            self.relays[name] = Relay(tools.database, urls(name), name, names, installation.clock)
            self.receivers[name] = Receiver(tools.database, urls(name), name, keys, installation.clock)
        for each in (*self.relays.values(), *self.receivers.values()):
            each.start()

    def move(self) -> bool:
        """Publish each outbox once and store what came."""
        relayed = [relay.step() for relay in self.relays.values()]
        received = [receiver.step(wait=self._wait) for receiver in self.receivers.values()]
        return any(relayed) or any(received)

    def close(self) -> None:
        """Close the connections."""
        for each in (*self.relays.values(), *self.receivers.values()):
            each.stop()


class Hostile:
    """Drops what it promised to try again, sends twice, and in any order; it only never lies about having sent."""

    quiet_rounds = 1

    def __init__(self, installation: Installation, chance: random.Random) -> None:
        self._installation = installation
        self._subscriptions = registry.subscriptions(installation.services)
        self._chance = chance

    def move(self) -> bool:
        """Carry some of what waits, perhaps twice, in any order."""
        return any([self._move(name) for name in self._installation.services])  # noqa: C419 - each has its turn

    def _move(self, name: str) -> bool:
        database = self._installation.tools[name].database
        with database.reading() as session:
            rows = list(session.execute(sa.select(outbox).where(outbox.c.state == WAITING)).mappings())
        self._chance.shuffle(rows)
        for row in rows:
            if self._chance.random() < 0.3:  # dropped this time
                continue
            self._deliver(row["type"], stored_event(row), self._chance.choice([1, 1, 2, 3]))
            with database.transaction() as session:
                session.execute(sa.update(outbox).where(outbox.c.id == row["id"]).values(state=MOVED))
        return bool(rows)

    def _deliver(self, event_type: str, event: object, times: int) -> None:
        for target, tools in self._installation.tools.items():
            if self._subscriptions.wants(target, event_type):
                for _ in range(times):
                    with tools.database.transaction() as session:
                        inboxes.store(session, [event], now=self._installation.clock())  # type: ignore[list-item]

    def close(self) -> None:
        """Nothing to let go of."""


class Held:
    """Holds every copy of every event in the test's hands, from the outbox until the test delivers it.

    What was dropped is sent again when everything else is delivered; what is lost never is.
    """

    quiet_rounds = 1

    def __init__(self, installation: Installation) -> None:
        self._installation = installation
        self._subscriptions = registry.subscriptions(installation.services)
        self.under_way: list[tuple[str, StoredEvent]] = []
        self._dropped: list[tuple[str, StoredEvent]] = []

    def publish(self, name: str) -> bool:
        """Take what waits in an outbox, a copy for each service that wants it; then mark it."""
        database = self._installation.tools[name].database
        with database.reading() as session:
            rows = session.execute(sa.select(outbox).where(outbox.c.state == WAITING).order_by(outbox.c.id))
            waiting = rows.mappings().all()
        for row in waiting:
            wanting = [each for each in self._installation.tools if self._subscriptions.wants(each, row["type"])]
            self.under_way += [(target, stored_event(row)) for target in wanting]
        if waiting:
            with database.transaction() as session:
                marked = sa.update(outbox).where(outbox.c.id.in_([row["id"] for row in waiting]))
                session.execute(marked.values(state=MOVED))
        return bool(waiting)

    def deliver(self, index: int, *, again: bool = False) -> None:
        """Deliver one copy, whichever; with ``again`` it will come once more."""
        if self.under_way:
            target, event = self.under_way[index % len(self.under_way)]
            with self._installation.tools[target].database.transaction() as session:
                inboxes.store(session, [event], now=self._installation.clock())
            if not again:
                self.under_way.pop(index % len(self.under_way))

    def drop(self, index: int) -> None:
        """Have one copy not arrive until everything else has."""
        if self.under_way:
            self._dropped.append(self.under_way.pop(index % len(self.under_way)))

    def all(self) -> list[tuple[str, StoredEvent]]:
        """Return every copy that will still arrive, with the service it is for."""
        return [*self.under_way, *self._dropped]

    def lose(self) -> None:
        """Lose everything that is under way, as a broker does whose disk is wiped."""
        self.under_way.clear()
        self._dropped.clear()

    def move(self) -> bool:
        """Carry everything, and then what was dropped."""
        moved = any([self.publish(name) for name in self._installation.tools])  # noqa: C419 - each has its turn
        arriving, self._dropped = self.all(), []
        for target in self._installation.tools:
            events = [event for name, event in arriving if name == target]
            if events:
                with self._installation.tools[target].database.transaction() as session:
                    inboxes.store(session, events, now=self._installation.clock())
        self.under_way.clear()
        return moved or bool(arriving)

    def close(self) -> None:
        """Nothing to let go of."""


def load_definitions(services: Mapping[str, Service], management: Management, url: str) -> Callable[[str], str]:
    """Give a virtual host our definitions; return the URL under which each service's own user connects."""
    vhost = url.rsplit("/", 1)[1]
    hashes = {name: password_hash(f"{name}-secret") for name in services}
    shipped = definitions(registry.subscriptions(services), hashes, vhost=vhost)
    management.call("POST", "definitions", shipped)

    def url_of(name: str) -> str:
        host = url.split("@", 1)[1]
        return f"amqp://{user_name(name)}:{name}-secret@{host}"

    return url_of
