"""What must be true of a clinic once everything that can happen has happened: every promise that was made is kept."""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlalchemy as sa

from services.newsletter.records import CONFIRMED
from services.requests.ledger.records import ExpectedAnswer, LedgerDecision, LedgerEntry
from shared.messaging.tables import APPLIED, MOVED, inbox, outbox
from shared.propagation import chain
from shared.propagation.giving import TRANSFER
from shared.propagation.own_store import ERASING
from shared.propagation.tables import FINISHED, SUPERSEDED, obligations
from shared.settings import SERVICES
from tests.faults.parties import Keeper, PlayedProgramme

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.faults.acts import People
    from tests.faults.watch import Watch
    from tests.faults.world import World

PATIENCE = 12
"""How many times three days a decision may take when everybody does what is asked: what was lost with a broker's disk
is asked for at the due time, and again."""


def come_to_rest(world: World, people: People, watch: Watch) -> None:
    """Let everybody be in order and everything happen that waits, and see that it was what was promised."""
    for party in world.parties.values():
        party.mood = "normal"
    world.let_go()
    for _ in range(PATIENCE):
        world.settle()
        people.hear_everything()
        world.settle()
        watch.look()
        if not list(_open(world, watch)):
            break
        world.clock.forward(days=3)
        for service in SERVICES:
            for job in ("say unregistered", "remind", "claim sign-ups", "sign-ups that waited"):
                world.job(service, job)
    assert not list(_open(world, watch))
    world.clock.forward(days=8)  # a key that was let go of and not destroyed, for a crash came between, is swept
    for service in SERVICES:
        world.job(service, "unused data keys")
    _check_queues(world)
    _check_erased(world, watch)
    _check_programmes(world, watch)
    _check_words(watch)
    _check_chain(world)
    watch.restored.clear()


def _open(world: World, watch: Watch) -> Iterator[str]:
    """Yield in words what is still open: decisions that were taken and not closed, and what was not carried out."""
    with world.tools["requests"].database.reading() as session:
        closed = sa.select(LedgerDecision.decision).where(LedgerDecision.closed_at.is_not(None))
        waiting = sa.select(ExpectedAnswer.service, ExpectedAnswer.processor, ExpectedAnswer.outcome)
        for decision in watch.taken.keys() - set(session.scalars(closed)):
            answers = session.execute(waiting.where(ExpectedAnswer.decision == decision, ~ExpectedAnswer.terminal))
            yield f"{watch.taken[decision].kind} {decision}: {[tuple(each) for each in answers]}"
    for service in SERVICES:
        query = sa.select(obligations).where(obligations.c.state.not_in([FINISHED, SUPERSEDED]))
        with world.tools[service].database.reading() as session:
            for row in session.execute(query).mappings():
                # What is owed to a processor that has ended waits for a new agreement, however long.
                if not (row["kind"] == TRANSFER and row["problem"] == "agreement_missing"):
                    yield f"{service}: {row['kind']} {row['processor']} is {row['state']} {row['problem']}"


def _check_queues(world: World) -> None:
    """Nothing waits and nothing was set aside."""
    for service in SERVICES:
        with world.tools[service].database.reading() as session:
            assert set(session.scalars(sa.select(outbox.c.state))) <= {MOVED}
            assert set(session.scalars(sa.select(inbox.c.state))) <= {APPLIED}


def _check_erased(world: World, watch: Watch) -> None:
    """What was to be erased is nowhere, and nothing opens what backups have of it."""
    for taken in watch.taken.values():
        if taken.kind not in ERASING:
            continue
        for record in [watch.ever[each] for name in SERVICES for each in taken.names(name) if each in watch.ever]:
            assert record.id not in watch.present, "erased, and there"
            assert not world.tools[record.service].vault.surviving(record.keys), "erased, and its key is there"
            for party in world.parties.values():
                if not watch.is_unknown(party.id, record):
                    assert not watch.has(party.id, record), f"erased, and at {party.id}"


def _check_programmes(world: World, watch: Watch) -> None:
    """A programme mails exactly those who want it by our own account, as far as we can know whom it was given."""
    live = {each.email: each for each in watch.present.values() if each.state == CONFIRMED}
    for party in world.parties.values():
        if isinstance(party, PlayedProgramme):
            mailed = {email for email, state in party.members.items() if state == "subscribed"}
            unknown = {email for name, email in watch.unknown if name == party.id}
            assert mailed <= live.keys() | unknown, f"{party.id} mails who does not want it, or no more"
        if isinstance(party, Keeper):
            unknown = {record for name, record in watch.unknown if name == party.id}
            held = party.copies - unknown
            assert held <= watch.present.keys(), f"{party.id} has what is not ours any more"
    for email, record in live.items():
        if world.is_in_use(record.processor):
            assert world.parties[record.processor].members.get(email) == "subscribed", "who wants it does not get it"


def _check_words(watch: Watch) -> None:
    """The last that a person said counts: nobody has a subscription after a no, and nobody lost one after a yes."""
    live = {each.email for each in watch.present.values() if each.state == CONFIRMED}
    for email, (word, _) in watch.word.items():
        assert (email in live) == (word == "yes"), f"{email}: the last word was {word}"


def _check_chain(world: World) -> None:
    """The ledger has every event once, each link tied to the one before."""
    with world.tools["requests"].database.reading() as session:
        entries = session.scalars(sa.select(LedgerEntry).order_by(LedgerEntry.seq)).all()
    previous = chain.GENESIS
    for number, entry in enumerate(entries, start=1):
        assert entry.seq == number
        previous = chain.link(previous, entry.entry_digest)
        assert entry.hash == previous
    events = [(entry.source, entry.event_id) for entry in entries]
    assert len(events) == len(set(events))
