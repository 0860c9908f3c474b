"""What the broker holds: one exchange, one quorum queue a service, and users that may do only their own part.

No alternate exchange, because it silences ``mandatory``; no length limit, because one full queue would
refuse the publisher on behalf of all.
"""

from __future__ import annotations

import base64
import hashlib
import re
import secrets
from typing import TYPE_CHECKING, Any

from shared.messaging.asyncapi import EXCHANGE
from shared.propagation.issuers import ISSUERS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from shared.messaging.subscriptions import Subscriptions

DELIVERY_LIMIT = 1000  # the default of 20 drops innocent messages after a consumer was killed twenty times


def queue_name(service: str) -> str:
    """Return the name of a service's queue."""
    return f"q.{service}"


def user_name(service: str) -> str:
    """Return the name of a service's broker user."""
    return f"svc-{service}"


def definitions(subscriptions: Subscriptions, password_hashes: Mapping[str, str], vhost: str = "/") -> dict[str, Any]:
    """Return RabbitMQ definitions; ``password_hashes`` by service, a user without one cannot sign in."""
    services = sorted(subscriptions.types)
    return {
        "vhosts": [{"name": vhost}],
        "exchanges": [
            {
                "vhost": vhost,
                "name": EXCHANGE,
                "type": "topic",
                "durable": True,
                "auto_delete": False,
                "internal": False,
                "arguments": {},
            }
        ],
        "queues": [
            {
                "vhost": vhost,
                "name": queue_name(name),
                "durable": True,
                "auto_delete": False,
                "arguments": {"x-queue-type": "quorum"},
            }
            for name in services
        ],
        "bindings": [
            {
                "vhost": vhost,
                "source": EXCHANGE,
                "destination": queue_name(name),
                "destination_type": "queue",
                "routing_key": key,
                "arguments": {},
            }
            for name in services
            for key in subscriptions.binding_keys(name)
        ],
        "policies": [
            {
                "vhost": vhost,
                "name": "service-queues",
                "pattern": r"^q\.",
                "apply-to": "queues",
                "priority": 0,
                "definition": {"delivery-limit": DELIVERY_LIMIT},
            }
        ],
        "users": [
            {
                "name": user_name(name),
                "password_hash": password_hashes.get(name, ""),
                "hashing_algorithm": "rabbit_password_hashing_sha256",
                "tags": [],
            }
            for name in services
        ],
        "permissions": [_permission(name, vhost) for name in services],
        "topic_permissions": [_topic_permission(name, vhost) for name in services],
    }


def password_hash(password: str, salt: bytes | None = None) -> str:
    """Return a password the way RabbitMQ stores it: base64 of a salt of 4 octets and a SHA-256 over both."""
    salt = salt or secrets.token_bytes(4)
    return base64.b64encode(salt + hashlib.sha256(salt + password.encode()).digest()).decode()


def _permission(service: str, vhost: str) -> dict[str, str]:
    """A service publishes to the exchange and reads, and binds again, its own queue; it creates nothing."""
    queue = re.escape(queue_name(service))
    return {
        "user": user_name(service),
        "vhost": vhost,
        "configure": "^$",
        "write": f"^({EXCHANGE}|{queue})$",
        "read": f"^({EXCHANGE}|{queue})$",
    }


def _topic_permission(service: str, vhost: str) -> dict[str, str]:
    kinds = "|".join(sorted(ISSUERS[service]))
    own = rf"(decision\.({kinds})|fact\.[a-z-]+)\.{service}"
    return {
        "user": user_name(service),
        "vhost": vhost,
        "exchange": EXCHANGE,
        "write": rf"^({own}|receipt\.{service})$",
        "read": ".*",
    }
