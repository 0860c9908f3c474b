"""Looking at a programme for editions: what it planned or sent since the last ones, also what nobody planned here."""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import TYPE_CHECKING

from services.newsletter import programmes
from services.newsletter.editions import actions, letters, records
from services.newsletter.editions.seeding import look_into
from shared.errors import ConfigurationError, OutsideError

if TYPE_CHECKING:
    from datetime import datetime

    from services.newsletter.processors.interface import Campaign
    from shared.propagation.register import Processor
    from shared.service import Tools

BACK = timedelta(days=100)
"""How far back is looked: longer than from one edition to the reminder of the next."""
_log = logging.getLogger(__name__)


def look(tools: Tools, programme: Processor, now: datetime) -> None:
    """Take in what the programme shows. Raises OutsideError, and ConfigurationError."""
    desk = programmes.provider_of(programme).campaigns
    shown = {each.campaign_id: each for each in desk.since(now - BACK)}
    with tools.database.reading() as session:
        open_ones = [each.campaign for each in records.find_in(session, programme.id, "told", "asked", "scheduled")]
    gone = []
    for campaign_id in open_ones:
        if campaign_id not in shown:
            found = desk.find(campaign_id)
            if found is None:
                gone.append(campaign_id)
            else:
                shown[campaign_id] = found
    _take_in(tools, programme, list(shown.values()), gone, now)


def look_up_told(tools: Tools, now: datetime) -> None:
    """Look up the mailings that a webhook told of."""
    programme = programmes.active(tools.register)
    if programme is None:
        return
    with tools.database.reading() as session:
        told = [each.campaign for each in records.find_in(session, programme.id, "told")]
    if not told:
        return
    try:
        desk = programmes.provider_of(programme).campaigns
        found = {campaign_id: desk.find(campaign_id) for campaign_id in told}
    except (OutsideError, ConfigurationError) as error:
        _warn(programme, error)
        return
    gone = [campaign_id for campaign_id, campaign in found.items() if campaign is None]
    _take_in(tools, programme, [each for each in found.values() if each is not None], gone, now)
    warn(tools, now)


def watch(tools: Tools, now: datetime) -> None:
    """Look at the programme and into the seed mailbox, and tell staff what is wrong; each does without the others."""
    programme = programmes.active(tools.register)
    if programme is not None:
        for part in (look, look_into):
            try:
                part(tools, programme, now)
            except (OutsideError, ConfigurationError) as error:
                _warn(programme, error)
    warn(tools, now)


def warn(tools: Tools, now: datetime) -> None:
    """Mail staff what is wrong with an edition, once, and that the next is due, once (P22, P23)."""
    overdue = tools.policy.clocks.newsletter_overdue.length
    with tools.database.transaction() as session:
        actions.judge(session, tools)
        for edition in actions.to_mail(session, now):
            tools.mail.queue(session, letters.warning(tools, edition), now=now)
        last = actions.to_remind(session, now, overdue)
        if last is not None:
            tools.mail.queue(session, letters.reminder(tools, last), now=now)


def forget(tools: Tools, now: datetime) -> None:
    """Delete the editions whose term is over."""
    with tools.database.transaction() as session:
        records.forget_before(session, now - tools.policy.term("newsletter.edition"))


def _take_in(tools: Tools, programme: Processor, shown: list[Campaign], gone: list[str], now: datetime) -> None:
    seeded = programmes.seed_of(programme) is not None
    with tools.database.transaction() as session:
        actions.take_in(session, programme.id, shown, "poll", seeded=seeded, now=now)
        for campaign_id in gone:
            actions.drop(session, programme.id, campaign_id)
        session.flush()
        actions.judge(session, tools)


def _warn(programme: Processor, error: OutsideError | ConfigurationError) -> None:
    details = {"processor": programme.id, "because": error.detail}
    _log.warning("a programme could not be asked about editions", extra={"fields": details})
