"""A clinic whose newsletter service really holds cards about people, faced by processors that a test plays."""

from __future__ import annotations

import uuid
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from services.requests.ledger import views
from services.requests.ledger.handlers import HANDLERS
from services.requests.records import Base as RequestsBase
from shared.events import RecordRef
from shared.messaging import envelope as envelopes
from shared.processors.interface import Done, SubjectIdentifiers, evidence_of
from shared.propagation import decisions, giving, transfers
from shared.propagation.tables import obligations, receipts
from shared.propagation.worker import ObligationWorker
from shared.service import Act, Holding
from shared.vault import DATA_KEY, Sealed
from tests.kit.installation import Installation, bare_service

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence
    from pathlib import Path

    from shared.events import DecisionKind, ReceiptIssued
    from shared.processors.interface import Outcome, ProcessorTask
    from shared.service import Changed, Tools

REGISTER = """
processors:
  mailer:
    name: Mailer
    role: other
    owner: newsletter
    status: active
    adapter: fake
    receives: [{category: cards, fields: [name, email, phone]}]
    decisions: [unsubscribe, erasure, term-end, correction, restriction]
    always: false
    agreement: {signed: 2024-06-10, ends: 2026-12-31, sub_processors: []}
    country: NL
    transfer_ground: none
    contact: {name: M. Mailer, email: privacy@mailer.example}
    answer_within: P7D
  archive:
    name: Archive
    role: other
    owner: newsletter
    status: active
    adapter: fake
    receives: [{category: cards, fields: [email]}]
    decisions: [erasure, term-end, correction, restriction]
    always: true
    agreement: {signed: 2024-06-10, ends: null, sub_processors: []}
    country: NL
    transfer_ground: none
    contact: {name: A. Archive, email: privacy@archive.example}
    answer_within: P7D
"""

metadata = sa.MetaData()
cards = sa.Table(
    "cards",
    metadata,
    sa.Column("id", sa.String(36), primary_key=True),
    sa.Column("email", sa.String(100)),
    sa.Column("phone", sa.String(100)),
    sa.Column("restricted", sa.Boolean, nullable=False, default=False),
    sa.Column("sealed", sa.LargeBinary, nullable=False),
    sa.Column("key_id", sa.String(32), nullable=False, info=DATA_KEY),
)


@dataclass
class Cards:
    """The holding: whom the cards are about, and what a test has go wrong with it."""

    before_commit: Callable[[], None] = lambda: None
    overlooks: set[str] = field(default_factory=set)

    def holding(self) -> Holding:
        """Return it as the kernel sees it; it knows no correction."""
        erase = Act(self._erase, lambda session, ids: len(_present(session, ids)))
        restrict = Act(_restrict, _unrestricted)
        return Holding(
            category="cards",
            find=_find,
            present=_present,
            acts={"erasure": erase, "term-end": erase, "unsubscribe": erase, "restriction": restrict},
            identify=_identify,
            refs_of=_refs_of,
        )

    def _erase(self, session, tools, ids, _now) -> Changed:
        wanted = [each for each in ids if each not in self.overlooks]
        found = session.execute(sa.select(cards.c.id, cards.c.key_id).where(cards.c.id.in_(wanted))).all()
        session.execute(sa.delete(cards).where(cards.c.id.in_(wanted)))
        self.before_commit()
        return {row.id: (row.key_id,) for row in found}


def _find(session, refs: Collection[str]) -> dict[str, frozenset[str]]:
    about = sa.or_(cards.c.email.in_(refs), cards.c.phone.in_(refs))
    found = session.execute(sa.select(cards.c.id, cards.c.email, cards.c.phone).where(about).order_by(cards.c.id))
    return {row.id: frozenset(filter(None, row[1:])) for row in found}


def _present(session, ids: Collection[str]) -> list[str]:
    return list(session.scalars(sa.select(cards.c.id).where(cards.c.id.in_(ids)).order_by(cards.c.id)))


def _restrict(session, _tools, ids, _now) -> Changed:
    wanted = sa.and_(cards.c.id.in_(ids), sa.not_(cards.c.restricted))
    restricted = sa.update(cards).where(wanted).values(restricted=True).returning(cards.c.id)
    return dict.fromkeys(session.scalars(restricted), ())


def _unrestricted(session, ids) -> int:
    query = sa.select(sa.func.count()).where(cards.c.id.in_(ids), sa.not_(cards.c.restricted))
    return int(session.scalar(query))


def _refs_of(session, ids: Sequence[str]) -> Mapping[str, str]:
    return dict(session.execute(sa.select(cards.c.id, cards.c.email).where(cards.c.id.in_(ids))).all())


def _identify(session, tools: Tools, ids: Sequence[str]) -> SubjectIdentifiers | None:
    row = session.execute(sa.select(cards).where(cards.c.id.in_(ids))).first()
    if row is None:
        return None
    content = tools.vault.open(row.id, Sealed(row.key_id, row.sealed))
    return SubjectIdentifiers(**content)


@dataclass
class Played:
    """A processor at the other end: it answers what the test put ready, and otherwise that it did what was asked."""

    answers: deque[Outcome | Exception | Callable[[ProcessorTask], Outcome]] = field(default_factory=deque)
    tasks: list[ProcessorTask] = field(default_factory=list)

    def carry_out(self, task: ProcessorTask) -> Outcome:
        """Do one task."""
        self.tasks.append(task)
        answer = self.answers.popleft() if self.answers else Done(evidence_of("api-confirmed", {"done": 1}))
        if isinstance(answer, Exception):
            raise answer
        return answer(task) if callable(answer) else answer


@dataclass
class Clinic:
    """Four services, of which the newsletter holds cards and faces two processors; the requests keep the ledger."""

    home: Path
    environ: Mapping[str, str] = field(default_factory=dict)
    register: str = REGISTER
    cards: Cards = field(default_factory=Cards)
    processors: dict[str, Played] = field(default_factory=lambda: {"mailer": Played(), "archive": Played()})

    def __post_init__(self) -> None:
        """Put the services together."""
        register = self.home / "processors.yaml"
        register.write_text(self.register)
        self.installation = Installation(
            self.home,
            services={
                "intake": bare_service("intake"),
                "dossier": bare_service("dossier"),
                "newsletter": bare_service(
                    "newsletter",
                    metadata=metadata,
                    holdings=(self.cards.holding(),),
                    adapters={"fake": lambda _tools, processor: self.processors[processor.id]},
                ),
                "requests": bare_service("requests", metadata=RequestsBase.metadata, handlers=HANDLERS),
            },
            environ={"DISCREET_PROCESSORS": str(register), **self.environ},
        )
        self.clock = self.installation.clock

    @property
    def tools(self) -> Tools:
        """Those of the newsletter."""
        return self.installation.tools["newsletter"]

    @property
    def worker(self) -> ObligationWorker:
        """A worker of the newsletter: one of any number."""
        return ObligationWorker(self.installation.services["newsletter"], self.tools)

    def hold(self, card: str, email: str, phone: str | None = None, *, given_to: Sequence[str] = ()) -> RecordRef:
        """Have the newsletter hold a card, and note to whom it was given."""
        tools = self.tools
        sealed = tools.vault.seal(card, {"email": email, "phone": phone, "name": f"Of {card}"})
        with tools.database.transaction() as session:
            session.execute(
                sa.insert(cards).values(
                    id=card,
                    email=tools.refs.email(email),
                    phone=tools.refs.phone(phone) if phone else None,
                    restricted=False,
                    sealed=sealed.ciphertext,
                    key_id=sealed.key_id,
                )
            )
            for processor in given_to:
                transfers.record(session, processor, "cards", [card], now=self.clock())
        return RecordRef(service="newsletter", category="cards", id=card)

    def give(self, card: str, email: str, action: str = "subscribe") -> None:
        """Have the newsletter owe the mailer a card."""
        subject = SubjectIdentifiers(email=email)
        gifts = [giving.Gift(record=card, subject=subject, ref=self.tools.refs.email(email))]
        with self.tools.database.transaction() as session:
            giving.give(session, self.tools, "mailer", action, category="cards", gifts=gifts, now=self.clock())

    def decide(
        self,
        kind: DecisionKind = "erasure",
        records: Sequence[RecordRef] = (),
        *,
        emails: Sequence[str] = (),
        phones: Sequence[str] = (),
        **more: Any,
    ) -> str:
        """Have the requests service take a decision about these records, or about who these addresses find."""
        tools, decision = self.installation.tools["requests"], str(uuid.uuid4())
        refs = [*map(tools.refs.email, emails), *map(tools.refs.phone, phones)]
        with tools.database.transaction() as session:
            decisions.take(
                session,
                tools,
                kind,
                decision_id=decision,
                refs=refs,
                ground="request",
                decided_by="coordinator",
                now=self.clock(),
                records=records,
                **more,
            )
        return decision

    def arrive(self) -> None:
        """Let what was announced reach every service, and nobody carry anything out."""
        for _ in range(3):
            self.installation.mover.move()
            self.installation.apply()

    def settle(self) -> None:
        """Let everything happen that can happen now."""
        self.installation.settle()

    def held(self) -> list[str]:
        """The cards that are still there."""
        with self.tools.database.reading() as session:
            return list(session.scalars(sa.select(cards.c.id).order_by(cards.c.id)))

    def keys(self) -> dict[str, str]:
        """The data key of each card."""
        with self.tools.database.reading() as session:
            return dict(session.execute(sa.select(cards.c.id, cards.c.key_id)).all())

    def obligations(self, **wanted: Any) -> list[dict[str, Any]]:
        """The newsletter's obligations, the first first, of those with these values."""
        query = sa.select(obligations).order_by(obligations.c.id)
        for name, value in wanted.items():
            query = query.where(obligations.c[name] == value)
        with self.tools.database.reading() as session:
            return [dict(row) for row in session.execute(query).mappings()]

    def said(self, decision: str, processor: str = "") -> list[ReceiptIssued]:
        """What the newsletter said of its own store, or of a processor, the first first."""
        about = sa.and_(receipts.c.decision == decision, receipts.c.processor == processor)
        with self.tools.database.reading() as session:
            bodies = session.scalars(sa.select(receipts.c.body).where(about).order_by(receipts.c.issued_at)).all()
        return [envelopes.read_event(envelopes.read(body)) for body in bodies]  # type: ignore[misc]

    def outcomes(self, decision: str, processor: str = "") -> list[str]:
        """The outcomes of what it said."""
        return [receipt.outcome for receipt in self.said(decision, processor)]

    def ledger(self, decision: str) -> dict[str, Any]:
        """A decision as staff see it."""
        tools = self.installation.tools["requests"]
        with tools.database.reading() as session:
            return views.detail(session, decision, tools.register, self.clock())

    def close(self) -> None:
        """Let go of connections."""
        self.installation.close()
