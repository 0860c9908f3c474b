"""Anna subscribes, unsubscribes, and has herself erased; Bea, who shares her telephone, stays as she is."""

from __future__ import annotations

import time
import uuid
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import sqlalchemy as sa

from services import registry
from services.intake import actions as intake
from services.intake.records import ContactForm
from services.newsletter.actions.confirming import confirm
from services.newsletter.actions.contents import open_content
from services.newsletter.actions.ending import unsubscribe
from services.newsletter.actions.signing_up import SignUp, sign_up
from services.newsletter.records import Subscription
from shared.events import RecordRef
from shared.messaging.tables import WAITING, inbox, outbox
from shared.propagation import decisions
from shared.propagation.tables import ASKED, CLAIMED, OPEN, issued_decisions, obligations

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from shared.service import Tools
    from tests.faults.failpoints.played import Book
    from tests.kit.installation import Installation

ANNA, BEA, PHONE = "anna@voorbeeld.example", "bea@voorbeeld.example", "0612345678"
ACTS = ("subscribe", "unsubscribe", "erase")
ERASURE_ID = str(uuid.UUID(int=1))
PATIENCE = 120.0
"""Seconds in which everything comes to rest, on a machine that has other things to do."""


@dataclass
class Story:
    """What happens, act by act. Who did not hear that an act was done does it again."""

    installation: Installation
    book: Book
    _subscriptions: registry.Subscriptions = field(init=False)

    def __post_init__(self) -> None:
        """Find out who listens to what."""
        self._subscriptions = registry.subscriptions(self.installation.services)

    @property
    def newsletter(self) -> Tools:
        return self.installation.tools["newsletter"]

    @property
    def intake(self) -> Tools:
        return self.installation.tools["intake"]

    @property
    def requests(self) -> Tools:
        return self.installation.tools["requests"]

    @property
    def acknowledged(self) -> Path:
        """Where stands which acts were answered."""
        return self.installation.home / "acknowledged"

    def open(self) -> None:
        """Before the first act: both sent a contact form and signed up, and Bea confirmed."""
        for email, name in ((ANNA, "Anna"), (BEA, "Bea")):
            form = {"name": name, "email": email, "phone": PHONE, "message": "Dag", "newsletter": False}
            with self.intake.database.transaction() as session:
                now = self.installation.clock()
                intake.submit(session, self.intake, form, language="nl", via_host=True, now=now)
            asked = SignUp(first_name=name, email=email, language="nl", source="sign-up-form")
            with self.newsletter.database.transaction() as session:
                sign_up(session, self.newsletter, asked, now=self.installation.clock())
        self._confirm(BEA)
        self.settle()

    def play(self, act: str) -> None:
        """Do one act, unless it was answered before, and let everything follow from it."""
        if not self.was_answered(act):
            {"subscribe": self._subscribe, "unsubscribe": self._unsubscribe, "erase": self._erase}[act]()
            with self.acknowledged.open("a", encoding="utf-8") as file:
                file.write(f"{act}\n")
        self.settle()

    def was_answered(self, act: str) -> bool:
        """Tell whether whoever did an act was told that it is done."""
        return self.acknowledged.exists() and act in self.acknowledged.read_text(encoding="utf-8").splitlines()

    def _subscribe(self) -> None:
        self._confirm(ANNA)

    def _confirm(self, email: str) -> None:
        tools = self.newsletter
        with tools.database.transaction() as session:
            confirm(session, tools, self._token(email, "confirm"), language="nl", now=self.installation.clock())

    def _unsubscribe(self) -> None:
        tools = self.newsletter
        with tools.database.transaction() as session:
            unsubscribe(session, tools, self._token(ANNA, "unsubscribe"), now=self.installation.clock())

    def _erase(self) -> None:
        """The coordinator decides, about the form and the subscription that she found; one decision, as she sees."""
        tools = self.requests
        [form], [subscription] = self.forms(ANNA), self.subscriptions(ANNA)
        with tools.database.transaction() as session:
            if self._is_issued(session):
                return
            decisions.take(
                session,
                tools,
                "erasure",
                decision_id=ERASURE_ID,
                refs=[tools.refs.email(ANNA), tools.refs.phone(PHONE)],
                records=[
                    RecordRef(service="intake", category="contact-forms", id=form.id),
                    RecordRef(service="newsletter", category="subscriptions", id=subscription.id),
                ],
                ground="asked-by-the-subject",
                decided_by="coordinator",
                now=self.installation.clock(),
            )

    def _is_issued(self, session) -> bool:
        query = sa.select(issued_decisions.c.decision).where(issued_decisions.c.decision == ERASURE_ID)
        return session.scalar(query) is not None

    def _token(self, email: str, kind: str) -> str:
        """The secret in a link that was mailed."""
        [subscription] = self.subscriptions(email)
        return str(open_content(self.newsletter, subscription)[kind])

    def inquire(self) -> str:
        """Ask what is held of Anna, by her address and her telephone; return the decision.

        It goes the way of everything before it: when it is answered, nothing of that is still under way.
        """
        tools, decision = self.requests, str(uuid.uuid4())
        with tools.database.transaction() as session:
            decisions.take(
                session,
                tools,
                "inquiry",
                decision_id=decision,
                refs=[tools.refs.email(ANNA), tools.refs.phone(PHONE)],
                ground="asked-by-the-subject",
                decided_by="coordinator",
                now=self.installation.clock(),
            )
        self.settle()
        return decision

    def settle(self) -> None:
        """Let everything happen, also what waits for its time."""
        until = time.monotonic() + PATIENCE
        while True:
            assert time.monotonic() < until, "it does not come to rest"
            installation = self.installation
            if any([installation.mover.move(), installation.apply(), installation.work()]):
                continue
            if self._is_under_way():
                continue
            if not self._waits():
                return
            installation.clock.forward(minutes=10)

    def _is_under_way(self) -> bool:
        """Tell whether an event has left one service and not reached another that wants it."""
        sent, there = set(), set()
        for name, tools in self.installation.tools.items():
            with tools.database.reading() as session:
                rows = session.execute(sa.select(outbox.c.event_id, outbox.c.type, outbox.c.state)).all()
                there |= {(name, event) for event in session.scalars(sa.select(inbox.c.event_id))}
            if any(row.state == WAITING for row in rows):
                return True
            sent |= {
                (target, row.event_id)
                for target in self.installation.tools
                for row in rows
                if self._subscriptions.wants(target, row.type)
            }
        return not sent <= there

    def _waits(self) -> bool:
        """Tell whether an event or an obligation waits for its time."""
        unfinished = (
            sa.select(inbox.c.id).where(inbox.c.state == WAITING),
            sa.select(obligations.c.id).where(obligations.c.state.in_([OPEN, CLAIMED, ASKED])),
        )
        for tools in self.installation.tools.values():
            with tools.database.reading() as session:
                if any(session.scalar(query.limit(1)) is not None for query in unfinished):
                    return True
        return False

    def forms(self, email: str) -> Sequence[ContactForm]:
        """The contact forms of an address."""
        query = sa.select(ContactForm).where(ContactForm.email_ref == self.intake.refs.email(email))
        with self.intake.database.reading() as session:
            return session.scalars(query).all()

    def subscriptions(self, email: str) -> Sequence[Subscription]:
        """The subscriptions of an address, in whatever state."""
        query = sa.select(Subscription).where(Subscription.ref == self.newsletter.refs.email(email))
        with self.newsletter.database.reading() as session:
            return session.scalars(query).all()

    def close(self) -> None:
        """Let go of connections."""
        self.installation.close()
