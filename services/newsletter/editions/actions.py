"""What happens to the register of editions: a place is kept, what a programme shows is taken in, warnings follow."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from services.newsletter.editions import records, rules
from services.newsletter.editions.records import Edition
from services.newsletter.processors.interface import Campaign
from shared.deadlines import local_date
from shared.errors import ConflictError
from shared.wording import Both, day_in

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from dateutil.relativedelta import relativedelta
    from sqlalchemy.orm import Session

    from services.newsletter.editions.rules import About, KnownBy
    from shared.service import Tools

SEEN_WITHIN = timedelta(hours=24)
"""How soon after its sending an edition lies in the seed mailbox."""
LOOKED_FOR = timedelta(days=3)
"""How long after its sending it is still looked for when we hear of it so late."""
ASKING = timedelta(minutes=10)
"""Within which a programme that was asked to plan an edition shows it, or does not have it."""
NEWS = timedelta(days=7)
"""What is older when we first see it is in the register with its warnings, and in no mail."""
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A mailing of a programme that is to become an edition: when, and what it is about."""

    processor: str
    campaign: Campaign
    at: datetime
    about: About


def keep_place(session: Session, tools: Tools, plan: Plan, *, now: datetime) -> None:
    """Take a place in the calendar for an edition, before the programme is asked. Raises ConflictError (P22)."""
    records.lock(session)
    key = (plan.processor, plan.campaign.campaign_id)
    others = [each.at for each in records.find_counting(session) if (each.processor, each.campaign) != key]
    earliest = tools.policy.clocks.newsletter_earliest.length
    close = rules.in_the_way(plan.at, others, earliest)
    if close is not None:
        raise ConflictError(_too_close(plan.at, close, earliest))
    edition = records.find(session, *key)
    if edition is None:
        edition = _new(plan.processor, plan.campaign, "scheduled", now)
        session.add(edition)
    edition.known_by, edition.about, edition.state = "scheduled", plan.about, "asked"
    edition.at, edition.subject, edition.audience = plan.at, plan.campaign.subject, plan.campaign.audience
    edition.sender_domain, edition.noted_at = plan.campaign.sender_domain, now


def _too_close(at: datetime, close: datetime, earliest: relativedelta) -> Both:
    nl, en = day_in("nl"), day_in("en")
    if close > at:
        day = local_date(close)
        return Both(
            f"Er staat al een editie gepland op {nl(day)}, binnen zes weken na deze.",
            f"An edition is planned already on {en(day)}, within six weeks after this one.",
        )
    last, first = local_date(close), rules.may_be_next_on(close, earliest)
    return Both(
        f"De vorige editie is van {nl(last)}: de volgende mag op zijn vroegst op {nl(first)}.",
        f"The edition before is of {en(last)}: the next may be on {en(first)} at the earliest.",
    )


def note_told(session: Session, processor: str, campaigns: Sequence[str], now: datetime) -> int:
    """Note that a programme told of mailings, which are still to be looked up; return how many are news."""
    if not campaigns:
        return 0
    records.lock(session)
    news = [each for each in dict.fromkeys(campaigns) if records.find(session, processor, each) is None]
    for campaign_id in news:
        told = Campaign(campaign_id=campaign_id, subject="", state="sent", audience="unknown")
        edition = _new(processor, told, "webhook", now)
        edition.state = "told"
        session.add(edition)
    return len(news)


def take_in(
    session: Session,
    processor: str,
    campaigns: Sequence[Campaign],
    known_by: KnownBy,
    *,
    seeded: bool,
    now: datetime,
) -> None:
    """Write down what the programme shows; ``seeded``: there is a mailbox in which a copy will lie."""
    records.lock(session)
    for campaign in campaigns:
        edition = records.find(session, processor, campaign.campaign_id)
        if campaign.state == "draft" or campaign.audience == "another-list":
            if edition is None or edition.state != "asked" or edition.noted_at <= now - ASKING:
                _drop(session, edition)
            continue
        was_sent = edition is not None and edition.state == "sent"
        if edition is None:
            edition = _new(processor, campaign, known_by, now)
            session.add(edition)
        edition.state, edition.subject, edition.audience = campaign.state, campaign.subject, campaign.audience
        edition.at, edition.sender_domain = campaign.at or edition.at, campaign.sender_domain
        if campaign.state == "sent" and not was_sent and seeded and edition.at > now - LOOKED_FOR:
            edition.seed = "waiting"


def drop(session: Session, processor: str, campaign: str) -> None:
    """Forget an edition that the programme does not have, or has as a draft again."""
    records.lock(session)
    _drop(session, records.find(session, processor, campaign))


def judge(session: Session, tools: Tools) -> None:
    """Write down again what is wrong with each edition, in the order in which they go out."""
    records.lock(session)
    earliest = tools.policy.clocks.newsletter_earliest.length
    before: list[datetime] = []
    for edition in records.find_counting(session):
        found: list[str] = [*rules.warnings_of(edition.audience, edition.seed, edition.at, before, earliest)]
        if found != edition.warnings:
            edition.warnings = found
        before.append(edition.at)


def to_mail(session: Session, now: datetime) -> list[Edition]:
    """Return the editions of which staff have yet to hear something, and count them as told."""
    fresh = []
    for edition in records.find_counting(session):
        news = [each for each in edition.warnings if each not in edition.mailed]
        if news and edition.at > now - NEWS:
            edition.mailed = [*edition.mailed, *news]
            fresh.append(edition)
    return fresh


def to_remind(session: Session, now: datetime, overdue: relativedelta) -> Edition | None:
    """Return the last edition if staff are to hear that the next is due, and count them as told."""
    last = records.latest(session)
    if last is None or last.state != "sent" or last.reminded_at is not None:
        return None
    if not rules.is_overdue(last.at, now, overdue):
        return None
    last.reminded_at = now
    return last


def _drop(session: Session, edition: Edition | None) -> None:
    if edition is None or edition.state == "sent":  # what went out went out, whatever they show of it later
        return
    _log.info("an edition is no longer planned", extra={"fields": {"campaign": edition.campaign}})
    session.delete(edition)
    session.flush()


def _new(processor: str, campaign: Campaign, known_by: KnownBy, now: datetime) -> Edition:
    return Edition(
        processor=processor,
        campaign=campaign.campaign_id,
        subject=campaign.subject,
        about=None,
        state=campaign.state,
        known_by=known_by,
        at=campaign.at or now,
        audience=campaign.audience,
        warnings=[],
        mailed=[],
        sender_domain=campaign.sender_domain,
        seed=None,
        lacks=[],
        reminded_at=None,
        noted_at=now,
    )
