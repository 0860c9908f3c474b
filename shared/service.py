"""What a service is made of, and what its actions may use; neither knows Flask or a broker."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime, timedelta

    import sqlalchemy as sa
    from sqlalchemy.orm import Session

    from shared.claims import Claims
    from shared.clock import Clock
    from shared.database import Database
    from shared.identity import References
    from shared.keys import ServiceKeys
    from shared.mail import Mailer
    from shared.messaging.applier import Delivery
    from shared.messaging.outbox import Outbox
    from shared.policy import Policy
    from shared.processors.interface import Adapter, SubjectIdentifiers
    from shared.propagation.register import Processor, Register
    from shared.restore.marks import Marks
    from shared.roster import RosterFile
    from shared.settings import Settings
    from shared.vault import Vault


@dataclass(frozen=True, slots=True, kw_only=True)
class Tools:
    """What the actions of one service may use. Nothing in it holds a session, so threads may share it."""

    name: str
    settings: Settings
    clock: Clock
    database: Database
    key_database: Database
    keys: ServiceKeys
    roster: RosterFile
    refs: References
    vault: Vault
    outbox: Outbox
    mail: Mailer
    register: Register
    policy: Policy
    claims: Claims
    marks: Marks

    def close(self) -> None:
        """Close this process's connections to the databases."""
        self.database.close()
        self.key_database.close()


Changed = Mapping[str, Sequence[str]]
"""The records that an act on the own store changed, by id, each with the data keys that must now be destroyed."""


@dataclass(frozen=True, slots=True)
class Act:
    """How one kind of decision is carried out on one data category, and how that is counted again.

    ``carry_out`` gets the ids of the records it is about, perhaps of many decisions, and the time; it may be
    called again after a crash and then finds nothing left to do. ``left`` counts by another query how many of
    these records are still not as the decision wants them: 0 when it was carried out.
    """

    carry_out: Callable[[Session, Tools, Sequence[str], datetime], Changed]
    left: Callable[[Session, Sequence[str]], int]


@dataclass(frozen=True, slots=True)
class Holding:
    """A data category that a service holds about people.

    ``find`` returns the records that refs lead to, in order, each with all the refs that it has (candidates, see
    design "refs find, people confirm"); ``acts`` by kind of decision; ``identify`` gives what a processor needs to
    recognise the person of these records; ``refs_of`` the ref of each record, by which one processor gets one thing
    at a time about one person, and which a tombstone keeps so that an import cannot bring the person back.
    ``renewed`` returns when the person last asked for each of these records: an unsubscribe decided before does not
    touch it.
    ``labels`` gives what people at a processor find each record by, such as an invoice's number; never a datum
    about anybody, since it stands in the clear.
    """

    category: str
    find: Callable[[Session, Collection[str]], Mapping[str, frozenset[str]]]
    present: Callable[[Session, Collection[str]], list[str]]
    acts: Mapping[str, Act]
    identify: Callable[[Session, Tools, Sequence[str]], SubjectIdentifiers | None] | None = None
    refs_of: Callable[[Session, Sequence[str]], Mapping[str, str]] | None = None
    renewed: Callable[[Session, Sequence[str]], Mapping[str, datetime]] | None = None
    labels: Callable[[Session, Sequence[str]], Mapping[str, str]] | None = None


@dataclass(frozen=True, slots=True)
class Job:
    """Something a service does by the clock; ``run`` opens its own transactions and is safe to run twice."""

    name: str
    every: timedelta
    run: Callable[[Tools, datetime], None]


Handler = Callable[["Session", Tools, Sequence["Delivery"]], None]
"""Reacts to events of one type that came one after another, all of them in one transaction."""
AdapterFactory = Callable[[Tools, "Processor"], "Adapter"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """A service without its web side: its tables, what it reacts to, what it holds and whom it faces.

    ``handlers`` map event types to the service's own reactions; decisions are turned into obligations
    for every service alike. ``adapters`` map the register's adapter names to factories. ``when_caught_up`` is what
    the service does, in one transaction, when a backup of its data was put back and put right.
    """

    name: str
    metadata: sa.MetaData
    handlers: Mapping[str, Sequence[Handler]] = field(default_factory=dict)
    holdings: Sequence[Holding] = ()
    adapters: Mapping[str, AdapterFactory] = field(default_factory=dict)
    jobs: Sequence[Job] = ()
    when_caught_up: Sequence[Callable[[Session, Tools, datetime], None]] = ()

    def holding(self, category: str) -> Holding | None:
        """Return the holding of a category, if this service has it."""
        return next((holding for holding in self.holdings if holding.category == category), None)
