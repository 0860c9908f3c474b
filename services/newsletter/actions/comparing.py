"""Putting right what a programme has otherwise than we: an opt-out wins, on whichever side it was said (P55)."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING

import sqlalchemy as sa

from services.newsletter import rules
from services.newsletter.actions.contents import open_content, subject_of
from services.newsletter.actions.ending import tell_again
from services.newsletter.actions.heard import prepare
from services.newsletter.actions.hearing import take_in
from services.newsletter.processors.interface import ProviderEvent
from services.newsletter.processors.minimise import dedupe_key
from services.newsletter.records import CATEGORY, ENDED, Subscription
from shared.database import lock_subject
from shared.many import among
from shared.messaging import inbox
from shared.processors.interface import SubjectIdentifiers
from shared.propagation import giving, rechecks
from shared.propagation.giving import STOPPING, Gift, person_key
from shared.propagation.tables import OF_PERSONS, obligations, tombstones

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from datetime import datetime

    from sqlalchemy.orm import Session

    from services.newsletter.processors.interface import MemberState
    from services.newsletter.rules import Drift, Standing
    from shared.service import Tools

SETTLING = timedelta(hours=1)
"""What was done so shortly ago is not judged: a list may be shown later than it changes, and news be on its way."""
COUNTS_FIRST = ("confirmed", "ended", "pending", "erased")


@dataclass(frozen=True, slots=True)
class Known:
    """What somebody is to us: a subscription or, once erased, what its tombstone holds."""

    standing: Standing
    record: str
    ref: str
    since: datetime | None

    @property
    def person(self) -> str:
        """What obligations know them by."""
        return person_key(self.ref)


@dataclass(frozen=True, slots=True)
class Suspect:
    """Somebody about whom a programme seems to differ."""

    email: str = field(repr=False)
    refs: tuple[str, ...]
    known: Known | None
    drift: Drift


def known_of(session: Session, refs: Collection[str]) -> dict[str, Known]:
    """Return what is known of these people, by reference."""
    columns = (Subscription.id, Subscription.ref, Subscription.state, Subscription.confirmed_at, Subscription.ended_at)
    buried = sa.select(tombstones.c.record, tombstones.c.ref, tombstones.c.erased_at).where(
        among(tombstones.c.ref, refs), tombstones.c.category == CATEGORY
    )
    found = {
        ref: Known("erased", record, ref, at)
        for record, ref, at in session.execute(buried.order_by(tombstones.c.erased_at))
    }
    rows = session.execute(sa.select(*columns).where(among(Subscription.ref, refs))).all()
    for row in sorted(rows, key=lambda row: COUNTS_FIRST.index(row.state), reverse=True):
        found[row.ref] = Known(row.state, row.id, row.ref, row.ended_at if row.state == ENDED else row.confirmed_at)
    return found


def first_known(known: Mapping[str, Known], refs: Sequence[str]) -> Known | None:
    """Return what counts of what is known under several references of one address."""
    found = (known[ref] for ref in refs if ref in known)
    return min(found, key=lambda each: COUNTS_FIRST.index(each.standing), default=None)


def unsettled(session: Session, processor: str, people: Collection[Known], now: datetime) -> set[str]:
    """Return the records of those who are not to be judged yet.

    Something about them is under way at the programme or was until a moment ago; or it stopped with them because
    that was decided, which is no no of theirs: a restriction.
    """
    by_person = {each.person: each for each in people}
    found = {
        each.record
        for each in people
        if each.standing != "confirmed" and each.since is not None and each.since > now - SETTLING
    }
    columns = (obligations.c.subject, obligations.c.kind, obligations.c.state, obligations.c.requested_at)
    theirs = sa.and_(obligations.c.processor == processor, among(obligations.c.subject, by_person), OF_PERSONS)
    for row in session.execute(sa.select(*columns, obligations.c.finished_at).where(theirs)):
        known = by_person[row.subject]
        busy = row.state in rechecks.UNDER_WAY or (row.finished_at and row.finished_at > now - SETTLING)
        stopped = row.kind in STOPPING and known.standing == "confirmed" and known.since <= row.requested_at
        if busy or stopped:
            found.add(known.record)
    return found


def put_right(
    session: Session, tools: Tools, processor: str, suspect: Suspect, state: MemberState, *, now: datetime
) -> str:
    """Act on what the programme says of somebody now; return what was done, or why nothing was.

    Looked at anew under the person's lock: whatever they or others did meanwhile counts.
    """
    lock_subject(session, suspect.refs)
    known = first_known(known_of(session, suspect.refs), suspect.refs)
    drift = rules.drift(known.standing if known else None, state)
    if drift is None or drift == "unknown-here" or known is None:
        return drift or "well-after-all"
    if unsettled(session, processor, [known], now):
        return "under-way"
    if drift == "erased-here":
        _erase_again(session, tools, processor, known, suspect.email, now=now)
        return drift
    if drift == "left-there":
        return _end(session, tools, processor, suspect, state, now=now)
    subscription = session.get_one(Subscription, known.record)
    if drift == "back-there":
        tell_again(session, tools, subscription, refs=suspect.refs, processor=processor, now=now)
    elif inbox.keeps_any(session):
        return "under-way"  # it may be that they were removed there, of which a list shows nothing
    else:
        _give(session, tools, processor, subscription, now)
    return drift


def _erase_again(session: Session, tools: Tools, processor: str, known: Known, email: str, *, now: datetime) -> None:
    """Have a programme erase somebody again: who was erased here comes back by a sign-up here, and not by an import."""
    erasure = {
        "processor": processor,
        "action": "erasure",
        "subject": known.person,
        "records": {CATEGORY: [known.record]},
    }
    rechecks.look_again(session, tools, erasure, SubjectIdentifiers(email=email), now=now)


def _end(session: Session, tools: Tools, processor: str, suspect: Suspect, state: MemberState, *, now: datetime) -> str:
    """End a subscription as if the programme had told us; whose hand it was, a list does not say."""
    event = ProviderEvent(
        kind="bounced" if state == "cleaned" else "unsubscribed",
        list_id="",
        occurred_at=now,
        dedupe_key=dedupe_key("compared", suspect.email, now.isoformat()),
        email=suspect.email,
    )
    results = take_in(session, tools, processor, prepare(tools, processor, [event]), now=now)
    return "left-there" if results["ended"] else "under-way"


def _give(session: Session, tools: Tools, processor: str, subscription: Subscription, now: datetime) -> None:
    """Owe the programme somebody it lost or never had; not as a fresh opt-in, so that a no which it knows stays."""
    subscription.processor = processor
    subject = subject_of(open_content(tools, subscription))
    gift = Gift(record=subscription.id, subject=subject, ref=subscription.ref)
    giving.give(session, tools, processor, "refresh", category=CATEGORY, gifts=[gift], now=now)
