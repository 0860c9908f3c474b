"""The services there are, each loaded only where it is used."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from shared.messaging.subscriptions import Subscriptions
from shared.propagation.composition import complete
from shared.settings import SERVICES

if TYPE_CHECKING:
    from collections.abc import Mapping

    from shared.service import Service


def load(name: str) -> Service:
    """Return a service with the reactions every service has."""
    return complete(import_module(f"services.{name}.service").SERVICE)


def load_all() -> Mapping[str, Service]:
    """Return every service by name."""
    return {name: load(name) for name in SERVICES}


def subscriptions(services: Mapping[str, Service]) -> Subscriptions:
    """Return who listens to what."""
    return Subscriptions({name: frozenset(service.handlers) for name, service in services.items()})
