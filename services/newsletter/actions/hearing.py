"""What follows from what a programme tells about our subscribers: an opt-out there is an opt-out, and it wins."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from services.newsletter import records
from services.newsletter.actions.echoes import is_echo
from services.newsletter.actions.heard import note_opt_outs, remember
from services.newsletter.actions.meant import Hearing, Meant
from services.newsletter.actions.moving import change_address
from services.newsletter.records import CONFIRMED, ENDED
from shared.database import lock_subject
from shared.processors.interface import SubjectIdentifiers
from shared.propagation import rechecks

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from sqlalchemy.orm import Session

    from services.newsletter.actions.heard import Heard
    from services.newsletter.processors.interface import EventKind, ProviderEvent
    from services.newsletter.records import Because
    from shared.service import Tools

OPT_OUTS: Mapping[EventKind, Because] = {
    "unsubscribed": "unsubscribed",
    "complained": "complaint",
    "bounced": "bounce",
    "deleted": "removed-at-provider",
}


def take_in(
    session: Session,
    tools: Tools,
    processor: str,
    heard: Sequence[Heard],
    *,
    now: datetime,
    told_at: datetime | None = None,
) -> Counter[str]:
    """Act on what a programme tells, all of it in this one transaction; return what became of how many.

    It counts from when it was told, if that was earlier. What was taken in before changes nothing.
    """
    told_at = told_at or now
    fresh = remember(session, heard, told_at)
    refs = {ref for each in fresh for ref in each.all_refs}
    lock_subject(session, refs)
    hearing = Hearing(session, tools, processor, told_at, Meant(), rechecks.erasing(session, processor, refs))
    for subscription in records.find_told_of(session, refs):
        hearing.meant.place(subscription)
    results = Counter(_hear(hearing, each) for each in fresh)
    hearing.take_decisions(now)
    note_opt_outs(session, tools, processor, hearing.unknown, told_at)
    results["repeated"] = len(heard) - len(fresh)
    return +results


def _hear(hearing: Hearing, heard: Heard) -> str:
    """Act on one event; return in a word what became of it."""
    erasure = next((hearing.erasing[ref] for ref in heard.all_refs if ref in hearing.erasing), None)
    if erasure is not None:
        subject = SubjectIdentifiers(email=heard.event.new_email or heard.event.email)
        rechecks.look_again(hearing.session, hearing.tools, erasure, subject, now=hearing.now)
        return "under-erasure"
    kind = heard.event.kind
    if kind in OPT_OUTS:
        return _opt_out(hearing, heard, _because(heard.event))
    if kind == "address_changed":
        return change_address(hearing, heard)
    if kind == "subscribed" and hearing.meant.find(heard.refs, CONFIRMED) is None:
        # Only the person's own sign-up here makes a subscription; that the programme has more, staff can see.
        return "overtaken" if hearing.lasted(heard) else "subscribed-without-us"
    return "nothing-new"


def _because(event: ProviderEvent) -> Because:
    """Return why it ends; who was taken off by somebody else's hand did not withdraw their consent."""
    if event.kind == "unsubscribed" and event.by_person is False:
        return "removed-at-provider"
    return OPT_OUTS[event.kind]


def _opt_out(hearing: Hearing, heard: Heard, because: Because) -> str:
    subscription = hearing.confirmed_before(heard)
    if subscription is not None:
        if is_echo(hearing.session, hearing.processor, heard.refs, heard.event, hearing.now):
            return "echo"
        hearing.end(subscription, because, heard.refs, reported=True)
        return "ended"
    if hearing.meant.find(heard.refs, CONFIRMED) is not None:
        return "overtaken"
    if hearing.meant.find(heard.refs, ENDED) is not None:
        return "already-ended"  # an echo of our own act, or the second telling of theirs
    hearing.unknown.append(heard.refs[0])
    return "unknown"
