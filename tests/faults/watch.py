"""What somebody sees who watches a clinic from outside, step by step, and what may never be seen."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from services.dossier.records import Client
from services.intake.records import ContactForm
from services.newsletter.records import CONFIRMED, ENDED, PENDING, Subscription
from shared.events import TERMINAL, Decision, ReceiptIssued, kind_of
from shared.messaging import envelope as envelopes
from shared.propagation.own_store import ERASING
from shared.propagation.tables import issued_decisions, receipts, tombstones, transfers
from shared.settings import SERVICES
from tests.faults.parties import Keeper, PlayedProgramme

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.faults.world import World

STORES = {"newsletter": Subscription, "dossier": Client, "intake": ContactForm}
STOPPING = frozenset({"unsubscribe", "withdrawal", "objection"})


@dataclass(frozen=True)
class Seen:
    """A record as it was seen; ``key`` seals it now, ``keys`` are all that ever did."""

    service: str
    id: str
    email: str
    key: str
    keys: frozenset[str]
    state: str = ""
    version: int = 0
    confirmed_at: datetime | None = None
    expires_at: datetime | None = None
    processor: str = ""


@dataclass(frozen=True)
class Taken:
    """A decision that was committed somewhere."""

    kind: str
    event: Decision

    def names(self, service: str) -> set[str]:
        """Return the records of a service that it names."""
        return {each.id for each in self.event.records if each.service == service}


@dataclass
class Watch:
    """Looks after every step; raises AssertionError at what may not be."""

    world: World
    present: dict[str, Seen] = field(default_factory=dict)
    ever: dict[str, Seen] = field(default_factory=dict)
    taken: dict[str, Taken] = field(default_factory=dict)
    buried: set[str] = field(default_factory=set)
    said: set[str] = field(default_factory=set)
    word: dict[str, tuple[str, datetime]] = field(default_factory=dict)
    """The last that the person behind an address said of the newsletter: yes or no, and when."""
    restored: set[str] = field(default_factory=set)
    """The services that were put back and are not at rest since."""
    ever_restored: set[str] = field(default_factory=set)
    unknown: set[tuple[str, str]] = field(default_factory=set)
    """What a processor has (an address or a record) that a restored service cannot know it was given."""

    def __post_init__(self) -> None:
        """Know the addresses by their references."""
        refs = self.world.tools["newsletter"].refs
        self.by_ref = {refs.email(email): email for email in self.world.emails}

    def look(self) -> None:
        """See what changed since the last time, and whether it may have."""
        written, self.world.fate.written = sorted(self.world.fate.written), set()
        self._see_decisions(written)
        before, self.present = self.present, self._records_now(written)
        self.ever |= self.present
        self._see_tombstones(written)
        for record in before.keys() & self.present.keys():
            self._check_version(before[record], self.present[record])
        for record in before.keys() - self.present.keys():
            self._check_gone(before[record])
        back = {each for each in self.buried & self.present.keys() if self.present[each].service not in self.restored}
        assert not back, "what was erased is there again"
        for service in written:
            self._see_receipts(service)
        for party in self.world.parties.values():
            assert not party.strangers, f"{party.id} was told of somebody it never had"

    def emails_of(self, decision: Decision) -> set[str]:
        """Return the addresses that a decision's references are of."""
        return {self.by_ref[ref] for ref in decision.refs if ref in self.by_ref}

    def has(self, party: str, record: Seen) -> bool:
        """Tell whether a processor has something of a record; of a subscription the address, that others may share."""
        held = self.world.parties[party]
        if isinstance(held, Keeper):
            return record.id in held.copies
        assert isinstance(held, PlayedProgramme)
        others = [each for each in self.present.values() if each.service == "newsletter" and each.email == record.email]
        return record.service == "newsletter" and record.email in held.members and not others

    def is_unknown(self, party: str, record: Seen) -> bool:
        """Tell whether a processor may have it without our knowing, since a restore forgot that it was given."""
        return bool({(party, record.id), (party, record.email)} & self.unknown)

    # After a restore

    def forgive(self, service: str, before: dict[str, Any], since: datetime) -> None:
        """Take note of what no restore can bring back, because it stood nowhere but in the database that is gone."""
        self.restored.add(service)
        self.ever_restored.add(service)
        known = self.world.known_elsewhere(service) | set(self._decisions_of(service).values())
        for decision in [each for each, event_id in before["issued"].items() if event_id not in known]:
            self.taken.pop(decision, None)
        lost = before["transfers"] - self.transfers(service)
        for processor, record in lost:
            seen = self.ever.get(record)
            if seen:
                programme = isinstance(self.world.parties[processor], PlayedProgramme)
                self.unknown.add((processor, seen.email if programme else record))
        if service == "newsletter":
            self.word = {email: word for email, word in self.word.items() if word[1] <= since}
            for each in self.taken.values():
                self._hear_no(each)
        self.present = self._records_now([service])
        self.said = set()
        self.said = {row["event_id"] for name in SERVICES for row in self._new_receipts(name)}

    def memory(self, service: str) -> dict[str, Any]:
        """Return what of a database has to be known when it is replaced."""
        return {"issued": self._decisions_of(service), "transfers": self.transfers(service)}

    def transfers(self, service: str) -> set[tuple[str, str]]:
        """Return who has which record by a service's own account."""
        query = sa.select(transfers.c.processor, transfers.c.record).where(transfers.c.ended_at.is_(None))
        with self.world.tools[service].database.reading() as session:
            return {tuple(row) for row in session.execute(query)}

    # Seeing

    def _see_decisions(self, services: Sequence[str]) -> None:
        for service in services:
            with self.world.tools[service].database.reading() as session:
                rows = session.execute(sa.select(issued_decisions.c.decision, issued_decisions.c.body)).all()
            for decision, body in rows:
                if decision not in self.taken:
                    envelope = envelopes.read(body)
                    event = envelopes.read_event(envelope)
                    assert isinstance(event, Decision)
                    self.taken[decision] = Taken(kind_of(envelope.type) or "", event)
                    self._hear_no(self.taken[decision])

    def _hear_no(self, taken: Taken) -> None:
        emails = self.emails_of(taken.event) if taken.kind == "unsubscribe" else set()
        if taken.kind in STOPPING | ERASING:
            emails |= {self.ever[each].email for each in taken.names("newsletter") if each in self.ever}
        for email in emails:
            known = self.word.get(email)
            if known is None or known[1] < taken.event.decided_at:
                self.word[email] = ("no", taken.event.decided_at)

    def _records_now(self, services: Sequence[str]) -> dict[str, Seen]:
        """Return the records that are there, read anew where something was written."""
        now = {each.id: each for each in self.present.values() if each.service not in services}
        for service in STORES.keys() & services:
            with self.world.tools[service].database.reading() as session:
                for row in session.scalars(sa.select(STORES[service]).order_by(STORES[service].id)):
                    now[row.id] = self._seen(service, row)
        return now

    def _seen(self, service: str, row: Any) -> Seen:
        known = self.ever.get(row.id)
        keys = (known.keys if known else frozenset()) | {row.key_id}
        if not isinstance(row, Subscription):
            return Seen(service, row.id, self.by_ref.get(row.email_ref, ""), row.key_id, keys)
        email = self.by_ref[row.ref]
        if row.confirmed_at is not None and (known is None or known.confirmed_at != row.confirmed_at):
            word = self.word.get(email)
            if word is None or word[1] < row.confirmed_at:
                self.word[email] = ("yes", row.confirmed_at)
            if service not in self.restored and row.processor:
                self.unknown.discard((row.processor, email))
        return Seen(
            service,
            row.id,
            email,
            row.key_id,
            keys,
            row.state,
            row.version,
            row.confirmed_at,
            row.expires_at,
            row.processor or "",
        )

    def _see_tombstones(self, services: Sequence[str]) -> None:
        for service in services:
            with self.world.tools[service].database.reading() as session:
                self.buried |= set(session.scalars(sa.select(tombstones.c.record)))

    def _see_receipts(self, service: str) -> None:
        for row in self._new_receipts(service):
            self.said.add(row["event_id"])
            receipt = envelopes.read_event(envelopes.read(row["body"]))
            assert isinstance(receipt, ReceiptIssued)
            if receipt.decision in self.taken:
                self._check_receipt(self.taken[receipt.decision], receipt)

    def _new_receipts(self, service: str) -> list[Any]:
        with self.world.tools[service].database.reading() as session:
            rows = session.execute(sa.select(receipts).order_by(receipts.c.issued_at)).mappings().all()
        if service not in self.ever_restored:
            final = [(row["decision"], row["processor"], row["action"]) for row in rows if row["outcome"] in TERMINAL]
            assert len(final) == len(set(final)), "an obligation ended twice"
        return [row for row in rows if row["event_id"] not in self.said]

    def _decisions_of(self, service: str) -> dict[str, str]:
        with self.world.tools[service].database.reading() as session:
            query = sa.select(issued_decisions.c.decision, issued_decisions.c.event_id)
            return dict(session.execute(query).all())

    # What may not be

    def _check_version(self, before: Seen, after: Seen) -> None:
        if after.service in self.restored:
            return
        changed = (before.state, before.confirmed_at) != (after.state, after.confirmed_at)
        assert after.version - before.version == int(changed), "a version went back, or on by more than a change"

    def _check_gone(self, record: Seen) -> None:
        """Nobody's record goes that no decision names; but for an unconfirmed sign-up, and what a new yes replaces."""
        if record.service in self.restored:
            return
        named = any(record.id in each.names(record.service) for each in self.taken.values() if each.kind in ERASING)
        expired = record.state == PENDING and record.expires_at is not None and record.expires_at <= self.world.clock()
        replaced = record.state == ENDED and any(
            each.email == record.email and each.state == CONFIRMED for each in self.present.values()
        )
        assert named or expired or replaced, "a record is gone that no decision named"

    def _check_receipt(self, taken: Taken, receipt: ReceiptIssued) -> None:
        """No receipt without its effect."""
        named = [self.ever[each] for each in taken.names(receipt.service) if each in self.ever]
        erasing = taken.kind in ERASING
        if receipt.processor is None:
            if erasing and receipt.outcome in ("done", "nothing-held"):
                assert not [each for each in named if each.id in self.present], "answered and still there"
                keys = {each.key for each in named}
                assert not self.world.tools[receipt.service].vault.surviving(keys), "answered and its key is there"
            return
        if receipt.outcome not in ("done", "nothing-held", "not-addressed"):
            return
        party = self.world.parties[receipt.processor]
        if erasing:
            kept = [each for each in named if self.has(party.id, each) and not self.is_unknown(party.id, each)]
            assert not kept, f"{party.id}: {receipt.outcome}, and it has them still"
        elif isinstance(party, PlayedProgramme) and receipt.outcome != "not-addressed":
            emails = self.emails_of(taken.event) if taken.kind == "unsubscribe" else {each.email for each in named}
            mailed = [each for each in emails if party.members.get(each) == "subscribed"]
            assert not mailed, f"{party.id}: {receipt.outcome}, and it mails them still"
