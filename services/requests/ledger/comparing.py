"""Holding every day against the ledger what each service says that it did: a receipt alone cannot tell a rollback."""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import TYPE_CHECKING

import sqlalchemy as sa

from services.requests.ledger.records import ExpectedAnswer, LedgerDecision, LedgerEntry
from shared.clock import utc_text
from shared.errors import DiscreetError
from shared.events import Decision
from shared.mail import OutgoingMail
from shared.messaging import envelope as envelopes
from shared.messaging.outbox import stored_event
from shared.propagation.own_store import ERASING
from shared.restore.digests import digest_of
from shared.service import Job
from shared.settings import SERVICES

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from sqlalchemy.engine import RowMapping
    from sqlalchemy.orm import Session

    from shared.service import Tools

BACK_TO = timedelta(days=35)
UNDER_WAY = timedelta(hours=1)
"""What was answered this lately may not be on both sides yet."""
DONE = frozenset({"done", "nothing-held", "retained"})
_log = logging.getLogger(__name__)


def compare(tools: Tools, now: datetime) -> None:
    """Say every decision again that a service answered and does not know, and tell the privacy contact of it.

    A service that has lost a decision takes it in again; one that knows it and lacks the traces of what it erased
    must be looked at by a person. Who cannot be asked today is asked tomorrow.
    """
    wrong: list[str] = []
    for service in SERVICES:
        try:
            wrong += _compare(tools, service, now)
        except DiscreetError as error:
            fields = {"service": service, "because": error.detail}
            _log.warning("what a service did could not be compared", extra={"fields": fields})
    if wrong:
        _log.error("a service did not do what it answered", extra={"fields": {"answers": len(wrong)}})
        with tools.database.transaction() as session:
            tools.mail.queue(session, _alarm(tools, wrong), now=now)


def _compare(tools: Tools, service: str, now: datetime) -> list[str]:
    since = now - BACK_TO
    said = {
        item["decision"]: item["digest"]
        for item in tools.claims.ask_pages(service, "digests", {"since": utc_text(since), "limit": "200"})
    }
    wrong = []
    with tools.database.transaction() as session:
        for row in _answered(session, service, since, now - UNDER_WAY):
            if said.get(row["decision"]) == _expected(service, row):
                continue
            wrong.append(
                f"- {row['decision']}: {service}, {'unknown' if row['decision'] not in said else 'incomplete'}"
            )
            tools.outbox.send(session, [stored_event(row)], now=now)
    return wrong


def _answered(session: Session, service: str, since: datetime, until: datetime) -> Sequence[RowMapping]:
    """Return the decisions that this service says it carried out in its own store, with their events."""
    answered = sa.and_(
        ExpectedAnswer.service == service,
        ExpectedAnswer.processor == "",
        ExpectedAnswer.outcome.in_(DONE),
        ExpectedAnswer.acted_at <= until,
        LedgerDecision.decided_at >= since,
    )
    columns = (LedgerDecision.decision, LedgerDecision.kind, *_EVENT)
    query = (
        sa.select(*columns)
        .join(ExpectedAnswer, ExpectedAnswer.decision == LedgerDecision.decision)
        .join(LedgerEntry, LedgerEntry.seq == LedgerDecision.event_seq)
    )
    return session.execute(query.where(answered).order_by(LedgerDecision.event_seq)).mappings().all()


def _expected(service: str, row: RowMapping) -> str:
    """Return the digest over the records of this service that are gone for good, by the decision's own words."""
    if row["kind"] not in ERASING:
        return digest_of([])
    decision = envelopes.read_event(envelopes.read(row["body"]))
    records = decision.records if isinstance(decision, Decision) else ()
    return digest_of([record.id for record in records if record.service == service])


def _alarm(tools: Tools, wrong: Sequence[str]) -> OutgoingMail:
    return OutgoingMail(
        reason="legal",
        about="ledger-compared",
        to=tools.policy.clinic.privacy,
        subject="Een dienst heeft niet wat hij antwoordde / A service has not what it answered",
        text="Deze besluiten zijn opnieuw verstuurd: de dienst kent ze niet (unknown), of er ontbreken sporen van wat\n"
        "hij heeft gewist (incomplete). Is er een reservekopie teruggezet?\n"
        "These decisions were sent again: the service does not know them, or lacks traces of what it erased.\n"
        "Was a backup put back?\n\n" + "\n".join(wrong) + "\n",
    )


_EVENT = (
    LedgerEntry.event_id,
    LedgerEntry.type,
    LedgerEntry.body,
    LedgerEntry.signature,
    LedgerEntry.key_id,
)
JOB = Job("compare what the services did with the ledger", timedelta(days=1), compare)
