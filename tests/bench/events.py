"""Signed events and the people they are about, as a turn needs them: many, new, and of the real shapes."""

from __future__ import annotations

import time
import uuid
from collections.abc import Sequence
from datetime import timedelta

import pika
import sqlalchemy as sa
from sqlalchemy.orm import Session

from services.newsletter.records import CATEGORY, CONFIRMED, Subscription
from shared.database import Database, wake_after
from shared.events import ContactFormReceived, RecordRef
from shared.messaging.asyncapi import EXCHANGE
from shared.messaging.rabbitmq.relay import CONTENT_TYPE
from shared.messaging.tables import outbox
from shared.propagation import decisions
from shared.propagation.tables import issued_decisions
from shared.service import Tools
from shared.vault.tables import data_keys
from tests.bench.floors.publisher import Message
from tests.kit.installation import Installation

Row = dict[str, object]
About = tuple[tuple[str, ...], tuple[RecordRef, ...]]  # references, records
CHUNK = 5000


def subscribers(installation: Installation, number: int, emails: Sequence[str] = ()) -> list[tuple[str, str]]:
    """Put new confirmed subscriptions into the newsletter, each with a live data key; return (ref, id) of each."""
    now, tools = installation.clock(), installation.tools["newsletter"]
    emails = emails or [f"{uuid.uuid4().hex}@bench.example" for _ in range(number)]
    people = [(tools.refs.email(email), str(uuid.uuid4())) for email in emails]
    keys = {identifier: uuid.uuid4().hex for _, identifier in people}
    rows = [_subscription(ref, identifier, keys[identifier], now) for ref, identifier in people]
    master = tools.keys.masters().current
    wrapped = [
        {"key_id": key, "wrapped": b"x" * 60, "master_id": master, "reserved_at": now, "destroyed_at": None}
        for key in keys.values()
    ]
    with tools.key_database.transaction() as session:
        for start in range(0, number, CHUNK):
            session.execute(sa.insert(data_keys), wrapped[start : start + CHUNK])
    with tools.database.transaction() as session:
        for start in range(0, number, CHUNK):
            session.execute(sa.insert(Subscription.__table__), rows[start : start + CHUNK])
    return people


def unsubscribes(installation: Installation, people: Sequence[tuple[str, str]]) -> list[Row]:
    """Have the requests service decide an unsubscribe of each; return its outbox rows."""
    return _decide(installation, "unsubscribe", [((ref,), ()) for ref, _ in people])


def erasures(installation: Installation, people: Sequence[tuple[str, str]]) -> list[Row]:
    """Have the requests service decide an erasure of each one's subscription; return its outbox rows."""
    return _decide(
        installation,
        "erasure",
        [((ref,), (RecordRef(service="newsletter", category=CATEGORY, id=identifier),)) for ref, identifier in people],
    )


def inquiries(installation: Installation, people: Sequence[tuple[str, str]]) -> list[Row]:
    """Have the requests service ask what is held of each; return its outbox rows."""
    return _decide(installation, "inquiry", [((ref,), ()) for ref, _ in people])


def forms(installation: Installation, number: int) -> list[Row]:
    """Have the intake announce contact forms whose senders want the newsletter; return its outbox rows."""
    tools, now = installation.tools["intake"], installation.clock()
    with tools.database.transaction() as session:
        for _ in range(number):
            tools.outbox.publish(session, ContactFormReceived(form=str(uuid.uuid4()), newsletter=True), now=now)
        return _taken(session)


def put_out(tools: Tools, rows: Sequence[Row]) -> float:
    """Put such rows into a service's outbox, to be moved; return when they were about to become visible, all at once.

    Whoever moves them is not held meanwhile: it could be stopped with the lock in its hands that this waits for.
    """
    with tools.database.transaction() as session:
        session.execute(sa.insert(outbox), list(rows))
        wake_after(session, "outbox")
        return time.perf_counter()


def message(row: Row, user: str | None = None) -> Message:
    """Return an outbox row as the relay sends it; without ``user``, by an account that is not its service's."""
    properties = pika.BasicProperties(
        content_type=CONTENT_TYPE,
        content_encoding="utf-8",
        delivery_mode=2,
        message_id=row["event_id"],
        type=row["type"],
        user_id=user,
        headers={"signature": row["signature"], "key_id": row["key_id"]},
    )
    return Message(EXCHANGE, str(row["routing_key"]), str(row["body"]).encode(), properties)


def plain_message(row: Row, queue: str) -> Message:
    """Return the same bytes for a floor's own queue."""
    properties = pika.BasicProperties(delivery_mode=2, message_id=row["event_id"])
    return Message("", queue, str(row["body"]).encode(), properties)


def empty(database: Database, *tables: sa.Table) -> None:
    """Empty tables, however much is in them."""
    with database.transaction() as session:
        for table in tables:
            truncate = sa.text(f"TRUNCATE {table.name} CASCADE")
            session.execute(truncate if database.dialect == "postgresql" else sa.delete(table))


def _decide(installation: Installation, kind: str, about: Sequence[About]) -> list[Row]:
    tools, now = installation.tools["requests"], installation.clock()
    with tools.database.transaction() as session:
        for refs, records in about:
            decisions.take(
                session,
                tools,
                kind,
                decision_id=str(uuid.uuid4()),
                refs=refs,
                ground="request",
                decided_by="bench",
                now=now,
                records=records,
            )
        return _taken(session)


def _taken(session: Session) -> list[Row]:
    """Take what was just written out of an outbox again, before anybody sees it: a turn moves it by its own way."""
    rows = [dict(row) for row in session.execute(sa.select(outbox).order_by(outbox.c.id)).mappings()]
    for table in (outbox, issued_decisions):
        session.execute(sa.delete(table))
    return [{name: value for name, value in row.items() if name != "id"} for row in rows]


def _subscription(ref: str, identifier: str, key: str, now: object) -> Row:
    return {
        "id": identifier,
        "ref": ref,
        "former_ref": None,
        "state": CONFIRMED,
        "ended_because": None,
        "version": 2,
        "language": "nl",
        "source": "form",
        "privacy_version": "2024-07-01",
        "created_at": now - timedelta(days=30),
        "asked_at": now - timedelta(days=30),
        "expires_at": now - timedelta(days=23),
        "mails": 1,
        "mailed_at": now - timedelta(days=30),
        "confirmed_at": now - timedelta(days=30),
        "consent_digest": "0" * 64,
        "ended_at": None,
        "processor": "laposta",
        "term_end": None,
        "confirm_digest": uuid.uuid4().hex * 2,
        "unsubscribe_digest": uuid.uuid4().hex * 2,
        "sealed": b"x" * 400,
        "key_id": key,
    }
