"""The broker is short of memory or disk: it takes nothing more until that is over, and gives what it has."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest

from tests.kit.post import Post
from tests.servers.rabbitmq import RabbitMQ, VirtualHosts
from tests.shared.messaging.test_rabbitmq import Broker, announce, announced, receiver_of, relay_of, running, until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

ALARMS = {
    "memory": (("set_vm_memory_high_watermark", "0.000001"), ("set_vm_memory_high_watermark", "0.4")),
    "disk": (("set_disk_free_limit", "900000GB"), ("set_disk_free_limit", "1MB")),
}


@pytest.fixture
def post(tmp_path: Path) -> Iterator[Post]:
    """Give an intake that announces and a newsletter that receives."""
    made = Post(tmp_path)
    yield made
    made.close()


@pytest.mark.parametrize("alarm", ALARMS)
def test_what_is_announced_during_an_alarm_waits_and_what_is_queued_is_received(
    own_broker: RabbitMQ, post: Post, alarm: str
) -> None:
    """Nothing is marked that was not taken; when the alarm is over the rest goes, over whatever connection."""
    broker = Broker(VirtualHosts(own_broker.url, own_broker.management_url).create(), own_broker.management)
    begins, ends = ALARMS[alarm]
    relay, receiver = relay_of(post, broker), receiver_of(post, broker)
    with running(relay):
        announce(post, "before")
        until(relay.step)
        own_broker.control(*begins)
        announce(post, "meanwhile")
        publishing = threading.Thread(target=relay.step)
        publishing.start()
        until(lambda: _is_blocked(broker))
        with running(receiver):
            until(lambda: receiver.step() or post.rows())
            assert announced(post) == [("moved", None), ("waiting", None)]
            own_broker.control(*ends)
            publishing.join()
            until(lambda: (relay.step() and False) or (receiver.step() and False) or len(post.rows()) == 2)
            until(lambda: announced(post) == [("moved", None)] * 2 or (relay.step() and False))
    while post.apply():
        pass
    assert post.heard == ["before", "meanwhile"]


def _is_blocked(broker: Broker) -> bool:
    connections = broker.management.call("GET", f"vhosts/{broker.vhost}/connections")
    return "blocked" in {each.get("state") for each in connections}
