"""What the newsletter holds about people, and how each kind of decision is carried out on it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import sqlalchemy as sa

from services.newsletter import records
from services.newsletter.actions.contents import open_content, subject_of
from services.newsletter.actions.ending import end
from services.newsletter.records import CATEGORY, ENDED, Subscription
from shared.many import among, among_given
from shared.service import Act, Holding

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from datetime import datetime

    from sqlalchemy.orm import Session

    from shared.processors.interface import SubjectIdentifiers
    from shared.service import Changed, Tools

_THEIRS = among_given(Subscription.id, "ids")
_OF_REFS = sa.select(Subscription.id, Subscription.ref).where(among_given(Subscription.ref, "refs"))
_OF_REFS = _OF_REFS.order_by(Subscription.created_at)
_REFS = sa.select(Subscription.id, Subscription.ref).where(_THEIRS)
_CONFIRMED = sa.select(Subscription.id, Subscription.created_at, Subscription.confirmed_at)
_CONFIRMED = _CONFIRMED.where(_THEIRS, Subscription.state != ENDED)


def find(session: Session, refs: Collection[str]) -> Mapping[str, frozenset[str]]:
    """Return the subscriptions of these addresses, in whatever state, with the reference of each."""
    found = session.execute(_OF_REFS, {"refs": list(refs)})
    return {subscription: frozenset([ref]) for subscription, ref in found}


def present(session: Session, identifiers: Collection[str]) -> list[str]:
    """Return which of these are still there, counted in the table itself."""
    query = sa.text("SELECT id FROM subscriptions WHERE id IN :ids").bindparams(sa.bindparam("ids", expanding=True))
    return sorted(session.scalars(query, {"ids": list(identifiers)}))


def renewed(session: Session, identifiers: Sequence[str]) -> Mapping[str, datetime]:
    """Return when each of these was signed up or last confirmed: a no of before is not about that.

    Never one that has ended. Who clicks yes and then no at once can have a no of an earlier time than the yes,
    since each click has the time at which it came in; the last that was done counts.
    """
    found = session.execute(_CONFIRMED, {"ids": list(identifiers)})
    return {subscription: max(filter(None, times)) for subscription, *times in found}


def refs_of(session: Session, identifiers: Sequence[str]) -> Mapping[str, str]:
    """Return the reference of each: a tombstone keeps it, so that no import brings the person back."""
    return dict(session.execute(_REFS, {"ids": list(identifiers)}).all())


def identify(session: Session, tools: Tools, identifiers: Sequence[str]) -> SubjectIdentifiers | None:
    """Return what the e-mail programme knows the person by: first name and address, or several addresses."""
    found = [subject_of(open_content(tools, each)) for each in records.find_all(session, identifiers)]
    if not found:
        return None
    emails = dict.fromkeys(each.email for each in found if each.email)
    return replace(found[0], more_emails=tuple(emails)[1:])


def stop(session: Session, tools: Tools, identifiers: Sequence[str], now: datetime) -> Changed:
    """End them, with what was still to be mailed about them (P25).

    Those that ended a moment ago, by the person's own click, count as carried out too.
    """
    found = records.find_all(session, identifiers)
    for subscription in found:
        end(subscription, "unsubscribed", now)
    session.flush()
    unsent = tools.mail.withdraw(session, [subscription.id for subscription in found])
    return {subscription.id: unsent.get(subscription.id, ()) for subscription in found}


def erase(session: Session, _tools: Tools, identifiers: Sequence[str], _now: datetime) -> Changed:
    """Delete them, and give up the keys of what was sealed."""
    gone = sa.delete(Subscription).where(among(Subscription.id, identifiers))
    found = session.execute(gone.returning(Subscription.id, Subscription.key_id))
    return {subscription: (key,) for subscription, key in found}


def count_live(session: Session, identifiers: Sequence[str]) -> int:
    """Count those that have not ended."""
    query = sa.text("SELECT count(*) FROM subscriptions WHERE id IN :ids AND state <> :ended").bindparams(
        sa.bindparam("ids", expanding=True)
    )
    return session.scalar(query, {"ids": list(identifiers), "ended": ENDED}) or 0


def count_present(session: Session, identifiers: Sequence[str]) -> int:
    """Count those that are still there."""
    return len(present(session, identifiers))


STOP = Act(stop, count_live)
ERASE = Act(erase, count_present)

SUBSCRIPTIONS = Holding(
    category=CATEGORY,
    find=find,
    present=present,
    acts={
        "unsubscribe": STOP,
        "withdrawal": STOP,
        "objection": STOP,
        "erasure": ERASE,
        "term-end": ERASE,
    },
    identify=identify,
    refs_of=refs_of,
    renewed=renewed,
)
HOLDINGS = (SUBSCRIPTIONS,)
