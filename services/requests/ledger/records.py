"""What the ledger stores: the chain, the decisions on it, and the answers they wait for."""

from __future__ import annotations

from datetime import datetime  # noqa: TC003 - SQLAlchemy reads the annotations at run time
from typing import TYPE_CHECKING, Any, cast

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, Session, mapped_column

from services.requests.records import Base
from shared.database import UtcDateTime
from shared.events import TERMINAL, ClosingReason
from shared.many import among_given

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

STRAY = "stray"
"""Of a word that came before its decision and turned out to answer another text: it only stays on the chain."""
TERM = {"info": {"term": "requests.ledger"}}


class LedgerEntry(Base):
    """One link: an event's exact bytes, and the hash that ties it to everything before it."""

    __tablename__ = "ledger_entries"

    seq: Mapped[int] = mapped_column(
        sa.BigInteger().with_variant(sa.Integer(), "sqlite"), primary_key=True, autoincrement=False
    )
    family: Mapped[str] = mapped_column(sa.String(10))  # decision | receipt | closing | stray
    decision: Mapped[str] = mapped_column(sa.String(36), index=True)
    source: Mapped[str] = mapped_column(sa.String(60))
    event_id: Mapped[str] = mapped_column(sa.String(64))
    type: Mapped[str] = mapped_column(sa.String(100))
    body: Mapped[str] = mapped_column(sa.Text)
    signature: Mapped[str] = mapped_column(sa.String(100))
    key_id: Mapped[str] = mapped_column(sa.String(40))
    recorded_at: Mapped[datetime] = mapped_column(UtcDateTime)
    entry_digest: Mapped[str] = mapped_column(sa.String(64))
    hash: Mapped[str] = mapped_column(sa.String(64))

    __table_args__ = (sa.UniqueConstraint("source", "event_id"), TERM)


class LedgerHead(Base):
    """The end of the chain; its one row is locked by whoever appends."""

    __tablename__ = "ledger_head"

    id: Mapped[int] = mapped_column(primary_key=True)
    seq: Mapped[int] = mapped_column(sa.BigInteger)
    hash: Mapped[str] = mapped_column(sa.String(64))

    __table_args__ = TERM


class LedgerDecision(Base):
    """A registered decision: what staff search for, without opening the event."""

    __tablename__ = "ledger_decisions"

    decision: Mapped[str] = mapped_column(sa.String(36), primary_key=True)
    kind: Mapped[str] = mapped_column(sa.String(20))
    issuer: Mapped[str] = mapped_column(sa.String(20))
    ground: Mapped[str] = mapped_column(sa.String(100))
    decided_by: Mapped[str] = mapped_column(sa.String(100))
    decided_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
    reported_by: Mapped[str | None] = mapped_column(sa.String(60))
    case: Mapped[str | None] = mapped_column(sa.String(36))
    sha256: Mapped[str] = mapped_column(sa.String(64))
    event_seq: Mapped[int] = mapped_column(sa.BigInteger)
    registered_at: Mapped[datetime] = mapped_column(UtcDateTime)
    closed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)

    __table_args__ = TERM


class ExpectedAnswer(Base):
    """One answer a decision waits for, and the last that was heard of it.

    People are reminded at ``next_reminder_at``: of an answer that does not come, and of what a processor said it would
    keep no longer than until then.
    """

    __tablename__ = "expected_answers"

    decision: Mapped[str] = mapped_column(sa.String(36), primary_key=True)
    service: Mapped[str] = mapped_column(sa.String(20), primary_key=True)
    processor: Mapped[str] = mapped_column(sa.String(60), primary_key=True)  # "" for the service's own store
    action: Mapped[str] = mapped_column(sa.String(20))
    due_at: Mapped[datetime] = mapped_column(UtcDateTime)
    outcome: Mapped[str | None] = mapped_column(sa.String(20))
    evidence: Mapped[str | None] = mapped_column(sa.String(20))
    evidence_digest: Mapped[str | None] = mapped_column(sa.String(64))
    covers: Mapped[str | None] = mapped_column(sa.String(40))
    acted_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    ground: Mapped[str | None] = mapped_column(sa.String(200))
    counts: Mapped[dict[str, int]] = mapped_column(sa.JSON, default=dict)
    retained: Mapped[list[dict[str, Any]]] = mapped_column(sa.JSON, default=list)
    terminal: Mapped[bool] = mapped_column(default=False)
    reminders: Mapped[int] = mapped_column(default=0)
    next_reminder_at: Mapped[datetime | None] = mapped_column(UtcDateTime)

    __table_args__ = (
        sa.Index(
            "ix_expected_answers_reminders",
            "next_reminder_at",
            postgresql_where=sa.text("next_reminder_at IS NOT NULL"),
            sqlite_where=sa.text("next_reminder_at IS NOT NULL"),
        ),
        TERM,
    )


class LedgerClosure(Base):
    """A proposal to close an answer that nobody gives; without effect until a second person confirmed it."""

    __tablename__ = "ledger_closures"

    id: Mapped[str] = mapped_column(sa.String(36), primary_key=True)
    decision: Mapped[str] = mapped_column(sa.String(36))
    service: Mapped[str] = mapped_column(sa.String(20))
    processor: Mapped[str] = mapped_column(sa.String(60))
    action: Mapped[str] = mapped_column(sa.String(20))
    reason: Mapped[ClosingReason] = mapped_column(sa.String(20))
    proposed_by: Mapped[str] = mapped_column(sa.String(100))
    proposed_at: Mapped[datetime] = mapped_column(UtcDateTime)
    confirmed_by: Mapped[str | None] = mapped_column(sa.String(100))
    confirmed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)

    __table_args__ = (sa.UniqueConstraint("decision", "service", "processor"), TERM)


entries, heads, decisions, answers = (
    cast("sa.Table", each.__table__) for each in (LedgerEntry, LedgerHead, LedgerDecision, ExpectedAnswer)
)
"""The tables of these, for what is done with many at a time."""
_AMONG = sa.and_(among_given(entries.c.source, "sources"), among_given(entries.c.event_id, "ids"))
_ON_CHAIN = sa.select(entries.c.source, entries.c.event_id).where(_AMONG)
_DIGESTS = sa.select(decisions.c.decision, decisions.c.sha256).where(among_given(decisions.c.decision, "decisions"))


def on_chain_of(session: Session, events: Collection[tuple[str, str]]) -> set[tuple[str, str]]:
    """Return those of these events, each by its source and id, that the chain already holds."""
    sources, ids = ({each[part] for each in events} for part in range(2))
    found = session.connection().execute(_ON_CHAIN, {"sources": list(sources), "ids": list(ids)})
    return {(source, event_id) for source, event_id in found}


def digests_of(session: Session, told: Collection[str]) -> dict[str, str]:
    """Return those of these decisions that are registered, each with the SHA-256 of its text."""
    found = session.connection().execute(_DIGESTS, {"decisions": list(told)})
    return dict(found.all())


def entries_of(session: Session, decision: str) -> Sequence[LedgerEntry]:
    """Return a decision's entries in the order of the chain, without what answered another text under its id."""
    about = sa.and_(LedgerEntry.decision == decision, LedgerEntry.family != STRAY)
    return session.scalars(sa.select(LedgerEntry).where(about).order_by(LedgerEntry.seq)).all()


def answers_of(session: Session, decision: str) -> Sequence[ExpectedAnswer]:
    """Return the answers a decision waits for: own stores first, then their processors."""
    query = (
        sa.select(ExpectedAnswer)
        .where(ExpectedAnswer.decision == decision)
        .order_by(ExpectedAnswer.processor != "", ExpectedAnswer.service, ExpectedAnswer.processor)
    )
    return session.scalars(query).all()


def closures_of(session: Session, decision: str) -> Sequence[LedgerClosure]:
    """Return what was proposed to be closed of a decision, confirmed or not, the first first."""
    query = sa.select(LedgerClosure).where(LedgerClosure.decision == decision)
    return session.scalars(query.order_by(LedgerClosure.proposed_at, LedgerClosure.id)).all()


def closure_of(session: Session, decision: str, service: str, processor: str) -> LedgerClosure | None:
    """Return the one proposal to close this answer, confirmed or not, if there is any."""
    found = closures_of(session, decision)
    return next((each for each in found if (each.service, each.processor) == (service, processor)), None)


def is_terminal(outcome: str) -> bool:
    """Tell whether an outcome ends an obligation."""
    return outcome in TERMINAL
