"""Putting a service's tools together from the settings of an installation."""

from __future__ import annotations

import json
from functools import cache, partial
from typing import TYPE_CHECKING

from shared.claims import Claims
from shared.database import Database
from shared.keys import KeyStore
from shared.mail import Mailer
from shared.messaging.applier import Applier
from shared.messaging.outbox import Outbox
from shared.policy import Policy
from shared.propagation.issuers import RosterVerifier
from shared.propagation.obligations import answer_unknown
from shared.propagation.register import Register
from shared.restore.marks import MarkFile, Marks
from shared.service import Tools
from shared.vault import Vault

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from sqlalchemy.orm import Session

    from shared.bell import Bell
    from shared.clock import Clock
    from shared.messaging.applier import Delivery, Handlers
    from shared.propagation.register_schema import Sandbox
    from shared.service import Handler, Service
    from shared.settings import Settings


def build_tools(settings: Settings, name: str, *, bell: Bell | None = None, clock: Clock | None = None) -> Tools:
    """Return what the actions of service ``name`` may use; ``clock`` stands in for the settings' own.

    Raises ConfigurationError for what is missing.
    """
    clock = clock or settings.clock
    store = KeyStore(settings.keys)
    keys = store.for_service(name)
    policy = _policy(settings.policy)
    key_database = Database(settings.key_database_url(name))
    vault = Vault(key_database, keys.masters, name, clock)
    database = Database(settings.database_url(name), bell=bell)
    marks = Marks(MarkFile(settings.journal, name), database, key_database, on_change=vault.forget_reserve)
    return Tools(
        name=name,
        settings=settings,
        clock=clock,
        database=database,
        key_database=key_database,
        keys=keys,
        roster=store.roster(),
        refs=keys.refs,
        vault=vault,
        outbox=Outbox(name, keys.events),
        mail=Mailer(settings, policy, vault),
        register=register_of(settings, name),
        policy=policy,
        claims=Claims(settings, name, keys, clock),
        marks=marks,
    )


@cache
def _policy(path: Path) -> Policy:
    """Read the policy once a process: a change of it takes effect at the next start, like the register's."""
    return Policy.load(path)


@cache
def register_of(settings: Settings, service: str) -> Register:
    """Read the register once a process, with what opens this service's own processors and no others."""
    return Register.load(settings.processors, sandbox=_sandbox(settings), owner=service)


def _sandbox(settings: Settings) -> Sandbox | None:
    """Return what ``sandbox:`` stands for in a trial's register; live has no such thing."""
    path = settings.home / "sandbox.json"
    if settings.mode == "live":
        return None
    if not path.exists():
        return {}
    addresses: Sandbox = json.loads(path.read_text(encoding="utf-8"))
    return addresses


def build_applier(service: Service, tools: Tools) -> Applier:
    """Return the applier of a service's inbox, with the service's handlers bound to its tools."""
    handlers: Handlers = {
        name: tuple(_bound(handler, tools) for handler in reactions) for name, reactions in service.handlers.items()
    }
    verifier, unknown = RosterVerifier(tools.roster), partial(answer_unknown, tools)
    return Applier(tools.database, handlers, verifier, tools.clock, unknown, restoring=tools.marks.restoring)


def _bound(handler: Handler, tools: Tools) -> Callable[[Session, Sequence[Delivery]], None]:
    return lambda session, deliveries: handler(session, tools, deliveries)
