"""Taking in subscribers of another system: like confirmed ones from then on, unless they ever said no here."""

from __future__ import annotations

import uuid
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from services.newsletter import consent, records, tokens
from services.newsletter.actions.contents import subject_of
from services.newsletter.actions.heard import noted
from services.newsletter.records import CATEGORY, CONFIRMED, ENDED, PENDING, short_ref
from shared.clock import utc_text
from shared.database import insert_all, lock_subject
from shared.many import among
from shared.propagation import giving, transfers
from shared.propagation.giving import Gift
from shared.propagation.tables import obligations, tombstones

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from datetime import datetime

    from sqlalchemy.orm import Session

    from services.newsletter.csv_files import Imported
    from shared.service import Tools

SOURCE = "import"
SAYING_NO = ("unsubscribe", "withdrawal", "objection", "restriction", "erasure")
STANDING = {CONFIRMED: "already", PENDING: "waiting", ENDED: "left"}
READ_AGAIN = 500
"""Obligations: one that was numbered earlier can become visible after a later one."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A subscriber of a file, with the address in its one form and its references, the current one first."""

    row: Imported
    email: str = field(repr=False)
    refs: tuple[str, ...]


@dataclass(slots=True)
class Refusals:
    """Who was ever decided to be left alone, also while nothing of them was held here: tombstones know only what was.

    As short forms of their references, and read on with every batch, since people decide meanwhile.
    """

    known: set[int] = field(default_factory=set)
    read_to: int = 0

    def read_on(self, session: Session) -> None:
        """Read what was decided since."""
        query = sa.select(obligations.c.id, obligations.c.refs).where(
            obligations.c.processor == "",
            obligations.c.kind.in_(SAYING_NO),
            obligations.c.id > self.read_to - READ_AGAIN,
        )
        for number, refs in session.execute(query.order_by(obligations.c.id).execution_options(yield_per=1000)):
            self.known.update(short_ref(ref) for ref in refs)
            self.read_to = max(self.read_to, number)


@dataclass(frozen=True, slots=True)
class Programme:
    """Where new subscribers go, and whom it has already; ``id`` is None where there is no programme."""

    id: str | None = None
    there: Collection[int] = frozenset()
    left: Collection[int] = frozenset()


def take_in(
    session: Session,
    tools: Tools,
    candidates: Sequence[Candidate],
    programme: Programme,
    refusals: Refusals,
    *,
    now: datetime,
) -> Counter[str]:
    """Take in those who may be; return what became of how many: ``new``, or the reason why not.

    A no always wins, whenever it was said and whenever the file says yes: whoever changed their mind since can say
    so with a sign-up. Given to the programme are those it does not have, and not as a fresh opt-in: should it know
    a no of theirs by then, that stays.
    """
    refs = {ref for each in candidates for ref in each.refs}
    lock_subject(session, refs)
    refusals.read_on(session)
    standing = _standing(session, tools, refs)
    fresh: list[Candidate] = []
    results: Counter[str] = Counter()
    for each in candidates:
        because = _reason(each, programme, refusals, standing)
        results[because or "new"] += 1
        if because is None:
            fresh.append(each)
            standing |= dict.fromkeys(each.refs, "already")
    _add(session, tools, fresh, programme, now)
    return results


def _reason(candidate: Candidate, programme: Programme, refusals: Refusals, standing: Mapping[str, str]) -> str | None:
    """Return why somebody is not taken in."""
    here = {standing[ref] for ref in candidate.refs if ref in standing}
    for word in ("already", "waiting", "left", "erased"):
        if word in here:
            return word
    short = {short_ref(ref) for ref in candidate.refs}
    if not short.isdisjoint(refusals.known):
        return "left"
    return None if short.isdisjoint(programme.left) else "left-there"


def _standing(session: Session, tools: Tools, refs: Collection[str]) -> dict[str, str]:
    """Return, by reference, what is known here of those of whom anything is; the strongest is said last."""
    found = dict.fromkeys(noted(session, tools, refs), "left")
    buried = sa.select(tombstones.c.ref).where(among(tombstones.c.ref, refs))
    found |= dict.fromkeys(session.scalars(buried), "erased")
    rows = sorted(records.find_standing(session, refs), key=lambda row: row.state == CONFIRMED)
    for row in rows:
        found |= {ref: STANDING[row.state] for ref in (row.ref, row.former_ref) if ref in refs}
    return found


def _add(session: Session, tools: Tools, fresh: Sequence[Candidate], programme: Programme, now: datetime) -> None:
    ids = [str(uuid.uuid4()) for _ in fresh]
    contents = {subscription: _content(each, now) for subscription, each in zip(ids, fresh, strict=True)}
    sealed = tools.vault.seal_many(contents)
    rows = [
        {
            **_row(subscription, each, contents[subscription], programme.id),
            "sealed": sealed[subscription].ciphertext,
            "key_id": sealed[subscription].key_id,
        }
        for subscription, each in zip(ids, fresh, strict=True)
    ]
    insert_all(session, records.TABLE, rows)
    if programme.id is None:
        return
    known = [subscription for subscription, each in zip(ids, fresh, strict=True) if _is_there(each, programme)]
    transfers.record(session, programme.id, CATEGORY, known, now=now)
    gifts = [
        Gift(record=subscription, subject=subject_of(contents[subscription]), ref=each.refs[0])
        for subscription, each in zip(ids, fresh, strict=True)
        if not _is_there(each, programme)
    ]
    giving.give(session, tools, programme.id, "refresh", category=CATEGORY, gifts=gifts, now=now)


def _is_there(candidate: Candidate, programme: Programme) -> bool:
    return any(short_ref(ref) in programme.there for ref in candidate.refs)


def _content(candidate: Candidate, now: datetime) -> dict[str, Any]:
    row = candidate.row
    return {
        "first_name": row.first_name,
        "email": candidate.email,
        "confirm": tokens.new_token(),
        "unsubscribe": tokens.new_token(),
        "imported": {"source": row.source, "text": row.consent_text, "at": utc_text(now)},
    }


def _row(subscription: str, candidate: Candidate, content: Mapping[str, Any], programme: str | None) -> dict[str, Any]:
    """Return the row of a subscription that was confirmed when the file says, and not when it was imported.

    By that time a no is measured against it, and a no from before the import is still one.
    """
    at = candidate.row.confirmed_at
    return {
        "id": subscription,
        "ref": candidate.refs[0],
        "state": CONFIRMED,
        "version": 1,
        "language": candidate.row.language,
        "source": SOURCE,
        "privacy_version": candidate.row.privacy_version,
        "created_at": at,
        "asked_at": at,
        "expires_at": at,
        "mails": 0,
        "confirmed_at": at,
        "consent_digest": consent.digest_of(candidate.row.consent_text),
        "processor": programme,
        "confirm_digest": tokens.digest_of(content["confirm"]),
        "unsubscribe_digest": tokens.digest_of(content["unsubscribe"]),
    }
