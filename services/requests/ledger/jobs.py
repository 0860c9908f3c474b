"""What the ledger does by the clock: ask again and raise the alarm at due times, and mail the chain's head."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from services.requests.ledger.records import ExpectedAnswer, LedgerDecision, LedgerEntry, LedgerHead
from shared.clock import parse_utc, utc_text
from shared.mail import OutgoingMail
from shared.messaging.outbox import StoredEvent
from shared.propagation.journal import Journal
from shared.service import Job

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from sqlalchemy.orm import Session

    from shared.service import Tools

AGAIN = timedelta(days=1)
BATCH = 100


def remind(tools: Tools, now: datetime) -> None:
    """Say every decision again whose answers are overdue, and tell the privacy contact once a day what is missing."""
    with tools.database.transaction() as session:
        overdue = session.scalars(
            sa.select(ExpectedAnswer)
            .where(~ExpectedAnswer.terminal, ExpectedAnswer.next_reminder_at <= now)
            .order_by(ExpectedAnswer.next_reminder_at)
            .limit(BATCH)
        ).all()
        for decision in sorted({answer.decision for answer in overdue}):
            tools.outbox.send(session, [_decision_event(session, decision)], now=now)
        for answer in overdue:
            answer.reminders += 1
            answer.next_reminder_at = now + AGAIN
        if overdue:
            tools.mail.queue(session, _alarm(tools, overdue), now=now)


def follow_up(tools: Tools, now: datetime) -> None:
    """Tell the privacy contact that a processor's own time is over for what it kept: whether it is gone, people ask."""
    with tools.database.transaction() as session:
        over = session.scalars(
            sa.select(ExpectedAnswer)
            .where(ExpectedAnswer.terminal, ExpectedAnswer.next_reminder_at <= now)
            .order_by(ExpectedAnswer.next_reminder_at)
            .limit(BATCH)
        ).all()
        for answer in over:
            later = [until for part in answer.retained if (until := _until(part)) and until > now]
            answer.reminders += 1
            answer.next_reminder_at = min(later, default=None)
        if over:
            tools.mail.queue(session, _kept_too_long(tools, over), now=now)


def ask_again(session: Session, tools: Tools, now: datetime) -> None:
    """Say every decision again that waits for an answer: a ledger put back from a backup has lost what came since.

    Whoever answered before sends the same receipt once more, and is put to no new work.
    """
    waiting = sa.select(ExpectedAnswer.decision).where(~ExpectedAnswer.terminal).distinct()
    for decision in session.scalars(waiting.order_by(ExpectedAnswer.decision)).all():
        tools.outbox.send(session, [_decision_event(session, decision)], now=now)


def mail_head(tools: Tools, now: datetime) -> None:
    """Mail the end of the chain to the privacy contact: who rewrites the ledger would have to take it back."""
    with tools.database.transaction() as session:
        head = session.get(LedgerHead, 1)
        if head is None or head.seq == 0:
            return
        mail = OutgoingMail(
            reason="legal",
            about=f"ledger-head-{head.seq}",
            to=tools.policy.clinic.privacy,
            subject="Stand van het besluitenregister / Head of the decision ledger",
            text=(
                f"Bewaar dit bericht. Keep this message.\n\n"
                f"{utc_text(now)}\nnummer / number: {head.seq}\nhash: {head.hash}\n"
            ),
        )
        tools.mail.queue(session, mail, now=now)


def _decision_event(session: Session, decision: str) -> StoredEvent:
    entry = session.scalars(
        sa.select(LedgerEntry)
        .join(LedgerDecision, LedgerDecision.event_seq == LedgerEntry.seq)
        .where(LedgerDecision.decision == decision)
    ).one()
    return StoredEvent(entry.event_id, entry.type, entry.body, entry.signature, entry.key_id)


def _alarm(tools: Tools, overdue: Sequence[ExpectedAnswer]) -> OutgoingMail:
    lines = [
        f"- {answer.decision}: {answer.processor or answer.service}, {answer.action}, {utc_text(answer.due_at)}"
        for answer in overdue
    ]
    return OutgoingMail(
        reason="legal",
        about="ledger-overdue",
        to=tools.policy.clinic.privacy,
        subject="Uitvoering van een besluit blijft uit / A decision has not been carried out in time",
        text="Besluit, wie nog moet antwoorden, en wanneer dat had gemoeten.\n"
        "Decision, who has yet to answer, and when that was due.\n\n" + "\n".join(lines) + "\n",
    )


def _kept_too_long(tools: Tools, over: Sequence[ExpectedAnswer]) -> OutgoingMail:
    lines = [f"- {answer.decision}: {answer.processor}, {answer.action}" for answer in over]
    return OutgoingMail(
        reason="legal",
        about="ledger-follow-up",
        to=tools.policy.clinic.privacy,
        subject="Een verwerker zou dit nu gewist hebben / A processor was to have erased this by now",
        text="Deze verwerkers hielden iets achter tot een dag die nu voorbij is. Vraag of het weg is.\n"
        "These processors kept something until a day that is over now. Ask whether it is gone.\n\n"
        + "\n".join(lines)
        + "\n",
    )


def _until(part: Mapping[str, Any]) -> datetime | None:
    until = part.get("until")
    return parse_utc(until) if until else None


def end_journal(tools: Tools, now: datetime) -> None:
    """Remove the months of the journal whose term is over: older than any backup that could be put back."""
    Journal(tools.settings.journal).forget_before(now - tools.policy.term("requests.journal"))


JOBS = (
    Job("end the term of the journal", timedelta(days=1), end_journal),
    Job("remind of overdue answers", timedelta(minutes=1), remind),
    Job("follow up what processors kept", timedelta(hours=1), follow_up),
    Job("mail the head of the ledger", timedelta(days=1), mail_head),
)
