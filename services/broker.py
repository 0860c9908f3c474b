"""The broker's side of a service's loops: the relay out of its outbox and the receiver into its inbox."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shared.errors import ConfigurationError
from shared.leader import Leadership
from shared.loops import Loop
from shared.messaging.rabbitmq.receiver import Receiver
from shared.messaging.rabbitmq.relay import Relay
from shared.settings import SERVICES

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from shared.bell import Bell
    from shared.messaging.subscriptions import Subscriptions
    from shared.service import Tools
    from shared.settings import Settings


def loops(settings: Settings, tools: Tools, subscriptions: Subscriptions, bell: Bell) -> Sequence[Loop]:
    """Connect a service to the broker and return its two loops."""
    if settings.amqp_url is None:
        raise ConfigurationError("DISCREET_AMQP_URL is not set.")
    url = settings.amqp_url.replace("{service}", tools.name)
    relay = Relay(tools.database, url, tools.name, SERVICES, tools.clock)
    receiver = Receiver(tools.database, url, tools.name, subscriptions.binding_keys(tools.name), tools.clock)
    relay.start()
    receiver.start()
    return [
        Loop(f"relay {tools.name}", _leading(relay, Leadership(tools.database, "relay")), bell, ("outbox",)),
        # It waits for deliveries itself, so that it hears of them at once.
        Loop(f"receive {tools.name}", lambda: receiver.step() or True, bell),
    ]


def _leading(relay: Relay, leadership: Leadership) -> Callable[[], bool]:
    return lambda: leadership.hold() and relay.step()
