"""One suite over every mover and both databases: what is announced arrives, is applied once, and is answered."""

from __future__ import annotations

import random
import uuid
from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa

from services.requests.ledger import views
from services.requests.ledger.handlers import HANDLERS
from services.requests.ledger.records import LedgerEntry
from services.requests.records import Base
from shared.events import ContactFormReceived
from shared.messaging import inbox as inboxes
from shared.messaging.outbox import StoredEvent
from shared.messaging.tables import inbox, outbox
from shared.propagation import decisions
from tests.kit.installation import Embedded, Installation, bare_service, told_only_what_they_had
from tests.kit.movers import Hostile, Rabbit, load_definitions

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

SETUPS = [
    "embedded-sqlite",
    "hostile-sqlite",
    pytest.param("embedded-postgresql", marks=pytest.mark.xdist_group("servers")),
    pytest.param("rabbitmq-postgresql", marks=pytest.mark.xdist_group("servers")),
    pytest.param("rabbitmq-sqlite", marks=pytest.mark.xdist_group("servers")),
]
FACT = "discreet.fact.contact-form-received.v1"


@pytest.fixture
def heard() -> list[str]:
    """The ids of the contact forms that the newsletter heard of."""
    return []


@pytest.fixture(params=SETUPS)
def installation(request: pytest.FixtureRequest, tmp_path: Path, heard: list[str]) -> Iterator[Installation]:
    """Four services that hold nothing; the newsletter listens to contact forms, the requests keep the ledger."""
    mover, database = request.param.split("-")
    made = Installation(
        tmp_path,
        services={
            "intake": bare_service("intake"),
            "dossier": bare_service("dossier"),
            "newsletter": bare_service(
                "newsletter", handlers={FACT: (lambda _s, _t, told: heard.extend(each.event.form for each in told),)}
            ),
            "requests": bare_service("requests", metadata=Base.metadata, handlers=HANDLERS),
        },
        environ={
            **told_only_what_they_had(tmp_path),
            **(request.getfixturevalue("postgres_environ")() if database == "postgresql" else {}),
        },
        moved_by=_mover(request, mover),
    )
    yield made
    made.close()


def _mover(request: pytest.FixtureRequest, name: str) -> Callable[[Installation], object]:
    if name == "hostile":
        return lambda installation: Hostile(installation, random.Random(7))
    if name == "embedded":
        return Embedded
    url = request.getfixturevalue("amqp_url")()
    management = request.getfixturevalue("management")
    return lambda installation: Rabbit(installation, load_definitions(installation.services, management, url))


def announce(installation: Installation, form: str) -> None:
    """Have intake say that a contact form came."""
    tools = installation.tools["intake"]
    with tools.database.transaction() as session:
        tools.outbox.publish(session, ContactFormReceived(form=form, newsletter=True), now=installation.clock())


def decide(installation: Installation) -> str:
    """Have the requests service decide an erasure of nobody in particular."""
    tools, decision = installation.tools["requests"], str(uuid.uuid4())
    with tools.database.transaction() as session:
        decisions.take(
            session,
            tools,
            "erasure",
            decision_id=decision,
            refs=[tools.refs.email("anna@example.nl")],
            ground="request",
            decided_by="coordinator",
            now=installation.clock(),
        )
    return decision


def test_a_fact_reaches_whoever_listens_and_nobody_else(installation: Installation, heard: list[str]) -> None:
    """The newsletter hears of two forms, each once; the dossier's inbox stays empty."""
    announce(installation, "form-1")
    announce(installation, "form-2")
    installation.settle()
    assert sorted(set(heard)) == ["form-1", "form-2"]
    with installation.tools["dossier"].database.reading() as session:
        assert session.scalar(sa.select(sa.func.count()).select_from(inbox)) == 0


def test_a_decision_is_answered_by_every_service_and_processor_and_closed(installation: Installation) -> None:
    """Four own stores answer for themselves, and processors that had nothing are not addressed."""
    decision = decide(installation)
    installation.settle()
    tools = installation.tools["requests"]
    with tools.database.reading() as session:
        shown = views.detail(session, decision, tools.register, installation.clock())
    assert shown["state"] == "closed"
    answers = {(each["service"], each["processor"]): each["outcome"] for each in shown["answers"]}
    assert {answers[service, None] for service in installation.services} == {"nothing-held"}
    assert {outcome for (_, processor), outcome in answers.items() if processor} == {"not-addressed"}


def test_nothing_is_left_waiting_and_nothing_is_recorded_twice(installation: Installation) -> None:
    """After rest every outbox row is moved, every inbox row applied, and no event stands twice on the chain."""
    decide(installation)
    installation.settle()
    for tools in installation.tools.values():
        with tools.database.reading() as session:
            assert set(session.scalars(sa.select(outbox.c.state))) <= {"moved"}
            assert set(session.scalars(sa.select(inbox.c.state))) <= {"applied"}
    with installation.tools["requests"].database.reading() as session:
        events = list(session.scalars(sa.select(LedgerEntry.event_id)))
    assert len(events) == len(set(events))


def test_a_decision_said_again_is_answered_again_with_the_same_receipts(installation: Installation) -> None:
    """A lost answer is asked for by saying the decision again; the bytes of the receipts stay the same."""
    decision = decide(installation)
    installation.settle()
    before = _receipts(installation)
    tools = installation.tools["requests"]
    with tools.database.transaction() as session:
        row = session.execute(sa.select(outbox).where(outbox.c.type.like("%decision.erasure%"))).mappings().one()
        again = StoredEvent(row["event_id"], row["type"], row["body"], row["signature"], row["key_id"])
        tools.outbox.send(session, [again], now=installation.clock())
    installation.settle()
    assert decision
    assert _receipts(installation) == before
    with installation.tools["dossier"].database.reading() as session:
        sent = list(session.scalars(sa.select(outbox.c.body).where(outbox.c.type.like("%receipt%"))))
    assert len(sent) == 2 * len(set(sent))


def test_a_forged_decision_is_parked_and_does_nothing(installation: Installation) -> None:
    """A decision signed by a service that may not order it moves, and is set aside where it arrives."""
    tools = installation.tools["intake"]
    with tools.database.transaction() as session:
        decisions.take(
            session,
            tools,
            "erasure",
            decision_id=str(uuid.uuid4()),
            refs=["x.y"],
            ground="request",
            decided_by="nobody",
            now=installation.clock(),
        )
        forged = session.execute(sa.select(outbox)).mappings().one()
        session.execute(sa.delete(outbox))
    other = installation.tools["newsletter"]
    with other.database.transaction() as session:
        event = StoredEvent(forged["event_id"], forged["type"], forged["body"], forged["signature"], forged["key_id"])
        inboxes.store(session, [event], now=installation.clock())
    installation.settle()
    with other.database.reading() as session:
        row = session.execute(sa.select(inbox)).mappings().one()
    assert (row["state"], row["problem"]) == ("parked", "ForgedEventError")


def _receipts(installation: Installation) -> list[str]:
    with installation.tools["requests"].database.reading() as session:
        query = sa.select(LedgerEntry.body).where(LedgerEntry.family == "receipt").order_by(LedgerEntry.body)
        return list(session.scalars(query))
