"""The ledger: what is registered, what closes, what is asked again, and what a rewritten past looks like."""

from __future__ import annotations

import logging
import uuid
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa

from services.requests.ledger import views
from services.requests.ledger.handlers import HANDLERS
from services.requests.ledger.jobs import follow_up, mail_head, remind
from services.requests.ledger.records import ExpectedAnswer, LedgerDecision, LedgerEntry
from services.requests.records import Base
from shared.errors import NotFoundError
from shared.events import ReceiptIssued, RetainedPart
from shared.mail.tables import outgoing_mails
from shared.messaging import envelope as envelopes
from shared.messaging.tables import inbox, outbox
from shared.propagation import decisions
from shared.propagation.journal import Journal
from shared.propagation.tables import issued_decisions
from tests.kit.installation import Installation, bare_service, on_postgresql, told_only_what_they_had

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from shared.events import DecisionKind
    from shared.service import Service


@pytest.fixture
def installation(tmp_path: Path) -> Iterator[Installation]:
    """Four services that hold nothing, with the ledger in the requests service."""
    made = Installation(tmp_path, services=services_with_ledger(), environ=told_only_what_they_had(tmp_path))
    yield made
    made.close()


@pytest.fixture
def on_server(tmp_path: Path, postgres_url: Callable[[], str]) -> Iterator[Installation]:
    """The same on PostgreSQL, where what came together is always taken together."""
    environ = {**told_only_what_they_had(tmp_path), **on_postgresql(postgres_url())}
    made = Installation(tmp_path, services=services_with_ledger(), environ=environ)
    yield made
    made.close()


def services_with_ledger() -> dict[str, Service]:
    """Return four services that hold nothing, with the ledger in the requests service."""
    services = {name: bare_service(name) for name in ("intake", "dossier", "newsletter")}
    return services | {"requests": bare_service("requests", metadata=Base.metadata, handlers=HANDLERS)}


def decide(installation: Installation, decision: str = "", kind: DecisionKind = "erasure", **more: Any) -> str:
    """Have the requests service decide, an erasure unless it is said."""
    tools, decision = installation.tools["requests"], decision or str(uuid.uuid4())
    with tools.database.transaction() as session:
        decisions.take(
            session,
            tools,
            kind,
            decision_id=decision,
            refs=[tools.refs.email("anna@example.nl")],
            ground="request",
            decided_by="coordinator",
            now=installation.clock(),
            **more,
        )
    return decision


def shown(installation: Installation, decision: str) -> dict[str, Any]:
    """Return the decision as staff see it."""
    tools = installation.tools["requests"]
    with tools.database.reading() as session:
        return views.detail(session, decision, tools.register, installation.clock())


def test_a_decision_is_open_until_the_last_answer_is_terminal(installation: Installation) -> None:
    """Moved and applied, but not carried out: nothing of an own store is answered yet."""
    decision = decide(installation)
    installation.mover.move()
    installation.apply()
    assert shown(installation, decision)["state"] == "open"
    installation.settle()
    assert shown(installation, decision)["state"] == "closed"


def test_an_answer_past_its_due_time_is_overdue_and_the_decision_is_said_again(installation: Installation) -> None:
    """Nobody works for two days: the alarm goes to the privacy contact, without anybody's name or address."""
    decision = decide(installation)
    installation.mover.move()
    installation.apply()
    installation.clock.forward(days=1, hours=1)
    tools = installation.tools["requests"]
    remind(tools, installation.clock())
    assert shown(installation, decision)["overdue"] == 4
    with tools.database.reading() as session:
        assert session.scalar(sa.select(sa.func.count()).select_from(outgoing_mails)) == 1
        assert set(session.scalars(sa.select(ExpectedAnswer.reminders).where(ExpectedAnswer.processor == ""))) == {1}
    installation.settle()
    assert shown(installation, decision)["state"] == "closed"


def test_the_same_alarm_comes_once_a_day(installation: Installation) -> None:
    """The job runs each minute; the mail does not."""
    decide(installation)
    installation.mover.move()
    installation.apply()
    installation.clock.forward(days=2)
    tools = installation.tools["requests"]
    for _ in range(3):
        installation.clock.forward(minutes=1)
        remind(tools, installation.clock())
    with tools.database.reading() as session:
        assert session.scalar(sa.select(sa.func.count()).select_from(outgoing_mails)) == 1


def test_what_a_processor_kept_until_a_day_is_followed_up_when_that_day_is_over(installation: Installation) -> None:
    """Once for each of its days, to the privacy contact, by the decision and nobody's name; an own store's never."""
    decision = decide(installation)
    installation.settle()
    tools, now = installation.tools["newsletter"], installation.clock()
    days = [now + timedelta(days=30), now + timedelta(days=60), None]
    parts = [
        RetainedPart(service="newsletter", category="subscriptions", id=str(number), ground="erased-later", until=day)
        for number, day in enumerate(days)
    ]
    for processor in ("laposta", None):
        receipt = ReceiptIssued(
            decision=decision,
            decision_sha256=shown(installation, decision)["sha256"],
            service="newsletter",
            processor=processor,
            action="erasure",
            outcome="retained",
            acted_at=now + timedelta(minutes=1),
            retained=tuple(parts),
        )
        with tools.database.transaction() as session:
            tools.outbox.publish(session, receipt, now=now)
    installation.settle()

    def mails_after(days: int) -> list[str]:
        installation.clock.now = now + timedelta(days=days)
        follow_up(installation.tools["requests"], installation.clock())
        with installation.tools["requests"].database.reading() as session:
            return list(session.scalars(sa.select(outgoing_mails.c.about).order_by(outgoing_mails.c.id)))

    assert [len(mails_after(day)) for day in (29, 31, 31, 59, 61, 400)] == [0, 1, 1, 1, 2, 2]
    assert set(mails_after(400)) == {"ledger-follow-up"}


def test_receipts_that_come_before_their_decision_count(installation: Installation) -> None:
    """The ledger's own inbox gets two decisions last; every receipt waits for its own on the chain."""
    decided = [decide(installation) for _ in range(2)]
    tools = installation.tools["requests"]
    installation.mover.move()
    with tools.database.transaction() as session:
        session.execute(sa.update(inbox).values(state="parked"))
    for _ in range(6):
        installation.apply()
        installation.work()
        installation.mover.move()
    with tools.database.reading() as session:
        families = set(session.scalars(sa.select(LedgerEntry.family)))
    assert families == {"receipt"}
    with tools.database.transaction() as session:
        session.execute(sa.update(inbox).values(state="waiting"))
    installation.settle()
    assert [shown(installation, each)["state"] for each in decided] == ["closed"] * 2


def test_decisions_that_come_together_are_registered_together(
    on_server: Installation, caplog: pytest.LogCaptureFixture
) -> None:
    """The way back, one by one, would hide it if they were not. One was answered before, and one waits for nobody."""
    caplog.set_level(logging.INFO)
    early, late = decide(on_server), decide(on_server)
    nobodys = decide(on_server, kind="term-end")
    tools, dossier = on_server.tools["requests"], on_server.tools["dossier"]
    on_server.mover.move()
    with tools.database.reading() as session:
        bodies = session.scalars(sa.select(inbox.c.body).order_by(inbox.c.id)).all()
    receipts = [
        ReceiptIssued(
            decision=early,
            decision_sha256=digest,
            service="dossier",
            processor=None,
            action="erasure",
            outcome="done",
            acted_at=on_server.clock(),
        )
        for digest in (envelopes.digest(bodies[0]), envelopes.digest(bodies[1]))
    ]
    with dossier.database.transaction() as session:
        dossier.outbox.publish_all(session, receipts, now=on_server.clock())
    with tools.database.transaction() as session:
        session.execute(sa.update(inbox).values(state="parked"))
    on_server.mover.move()
    on_server.apply()
    with tools.database.transaction() as session:
        session.execute(sa.update(inbox).values(state="waiting"))
    on_server.apply()
    answers = {each["service"]: each["outcome"] for each in shown(on_server, early)["answers"] if not each["processor"]}
    assert answers == {"intake": None, "dossier": "done", "newsletter": None, "requests": None}
    assert [shown(on_server, each)["state"] for each in (early, late, nobodys)] == ["open", "open", "closed"]
    with tools.database.reading() as session:
        families = session.scalars(sa.select(LedgerEntry.family).order_by(LedgerEntry.seq)).all()
    assert families == ["receipt", "stray", *["decision"] * 3]
    on_server.settle()
    assert [shown(on_server, each)["state"] for each in (early, late, nobodys)] == ["closed"] * 3
    with tools.database.reading() as session:
        assert None not in session.scalars(sa.select(issued_decisions.c.closed_at)).all()
        assert None not in session.scalars(sa.select(issued_decisions.c.registered_at)).all()
    assert [each.message for each in caplog.records if "one by one" in each.message] == []


def test_one_that_cannot_be_registered_takes_none_of_those_that_came_with_it_along(
    installation: Installation,
) -> None:
    """Another text under the id of one: it is set aside and in no journal, and the others are registered once each."""
    decided = [decide(installation) for _ in range(3)]
    tools = installation.tools["requests"]
    with tools.database.transaction() as session:
        first = session.scalars(sa.select(outbox.c.body).order_by(outbox.c.id).limit(1)).one()
        event = replace(envelopes.read_event(envelopes.read(first)), ground="another")
        other = tools.outbox.publish(session, event, now=installation.clock(), kind="erasure")
    installation.settle()
    with tools.database.reading() as session:
        left = session.execute(sa.select(inbox.c.event_id, inbox.c.problem).where(inbox.c.state != "applied")).all()
        assert session.scalars(sa.select(LedgerDecision.decision).order_by(LedgerDecision.event_seq)).all() == decided
        on_chain = set(session.scalars(sa.select(LedgerEntry.event_id).where(LedgerEntry.family == "decision")))
    assert left == [(other.event_id, "IntegrityError")]
    assert {shown(installation, each)["state"] for each in decided} == {"closed"}
    assert {line["event_id"] for line in Journal(installation.settings.journal).read()} == on_chain


def test_every_registered_decision_stands_in_the_journal(installation: Installation) -> None:
    """The journal on the other volume has the exact text that was signed."""
    decision = decide(installation)
    installation.settle()
    lines = list(Journal(installation.settings.journal).read())
    assert [line["event_id"] for line in lines]
    assert decision in lines[0]["body"]
    assert "anna" not in lines[0]["body"]


def test_a_receipt_for_another_text_of_the_decision_is_set_aside(installation: Installation) -> None:
    """A receipt names the digest of what it answers; one that does not fit changes nothing and stays visible."""
    decision = decide(installation)
    installation.mover.move()
    installation.apply()
    dossier, requests = installation.tools["dossier"], installation.tools["requests"]
    receipt = ReceiptIssued(
        decision=decision,
        decision_sha256="0" * 64,
        service="dossier",
        processor="bookkeeper",
        action="erasure",
        outcome="done",
        acted_at=installation.clock(),
    )
    with dossier.database.transaction() as session:
        dossier.outbox.publish(session, receipt, now=installation.clock())
    installation.settle()
    with requests.database.reading() as session:
        set_aside = session.scalars(sa.select(inbox.c.problem).where(inbox.c.state != "applied")).all()
    assert set_aside == ["IntegrityError"]
    answers = {each["processor"]: each["outcome"] for each in shown(installation, decision)["answers"]}
    assert answers["bookkeeper"] == "not-addressed"


def test_an_unknown_decision_is_not_found(installation: Installation) -> None:
    """A made-up id gets the answer of something that never was."""
    with pytest.raises(NotFoundError):
        shown(installation, str(uuid.uuid4()))


def test_the_head_of_the_chain_is_mailed_to_the_privacy_contact(installation: Installation) -> None:
    """What was mailed yesterday cannot be rewritten today."""
    decide(installation)
    installation.settle()
    tools = installation.tools["requests"]
    mail_head(tools, installation.clock())
    with tools.database.reading() as session:
        assert session.scalar(sa.select(outgoing_mails.c.about)) == "ledger-head-10"


def test_search_narrows_by_state_and_kind_and_pages_backwards(installation: Installation) -> None:
    """The latest first; overdue means open and late."""
    first, second = decide(installation), decide(installation)
    installation.settle()
    third = decide(installation)
    installation.mover.move()
    installation.apply()
    tools = installation.tools["requests"]

    def found(state: str | None, after: list[int] | None = None, limit: int = 10) -> list[str]:
        wanted = {"state": state, "kind": "erasure", "case": None}
        with tools.database.reading() as session:
            rows = views.search(session, wanted, after=after, limit=limit, now=installation.clock())
        return [row["decision"] for row in rows]

    assert found(None) == [third, second, first]
    assert found("closed") == [second, first]
    assert found("open") == [third]
    assert found("overdue") == []
    installation.clock.forward(days=3)
    assert found("overdue") == [third]
