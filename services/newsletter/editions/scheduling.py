"""Planning an edition through us: looked at, given a place in the calendar, planned at the programme, and seen there.

The programme is called outside any transaction. Whoever is cut off in between leaves an edition that was ``asked``:
the next look at the programme tells what became of it.
"""

from __future__ import annotations

import contextlib
import logging
from datetime import timedelta
from typing import TYPE_CHECKING

from services.newsletter import programmes
from services.newsletter.editions import actions, records, watching
from services.newsletter.editions.rules import WHOLE
from shared.errors import (
    ConflictError,
    InvalidInputError,
    PermanentError,
    RetryableError,
    UnavailableError,
)
from shared.wording import Both

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from services.newsletter.editions.records import Edition
    from services.newsletter.editions.rules import About
    from services.newsletter.processors.interface import Audience, Campaign, Campaigns
    from shared.propagation.register import Processor
    from shared.service import Tools

_log = logging.getLogger(__name__)
SOONEST, LATEST = timedelta(minutes=10), timedelta(days=366)
NONE_IN_USE = Both(
    "Er is geen e-mailprogramma in gebruik voor de nieuwsbrief.", "No e-mail programme is in use for the newsletter."
)
UNKNOWN = Both("Het programma kent deze mailing niet.", "The programme does not know this mailing.")
SENT = Both("Deze mailing is al verstuurd.", "This mailing was sent already.")
PLANNED = Both(
    "Deze mailing is in het programma al op een ander tijdstip gepland. Haal die planning daar eerst weg.",
    "This mailing is planned in the programme at another time already. Take that away there first.",
)
REFUSED = Both(
    "Het programma plant deze mailing niet. Is hij daar af, en mag het abonnement mailings plannen?",
    "The programme does not plan this mailing. Is it finished there, and may the account plan mailings?",
)
OTHERWISE = Both(
    "Het programma plande deze mailing anders dan gevraagd. Kijk daar na wanneer hij gaat en naar wie.",
    "The programme planned this mailing otherwise than it was asked. Look there when it goes, and to whom.",
)
WHOM: Mapping[Audience, Both] = {
    "part-of-list": Both(
        "Deze mailing gaat naar een deel van de lijst. Een editie gaat naar iedereen die zich inschreef (P23).",
        "This mailing goes to a part of the list. An edition goes to everybody who subscribed (P23).",
    ),
    "more-than-list": Both(
        "Deze mailing gaat naar meer mensen dan die op onze lijst.", "This mailing goes to more people than our list."
    ),
    "another-list": Both("Deze mailing gaat naar een andere lijst.", "This mailing goes to another list."),
    "unknown": Both(
        "Het programma laat niet zien naar wie deze mailing gaat. Kies daar onze lijst, zonder segment.",
        "The programme does not show whom this mailing goes to. Choose our list there, without a segment.",
    ),
}


def schedule(tools: Tools, campaign_id: str, at: datetime, about: About, *, now: datetime) -> Edition:
    """Plan a mailing of the programme as an edition; the same again changes nothing.

    Raises InvalidInputError, ConflictError where another is too close (P22), and UnavailableError.
    """
    programme = programmes.active(tools.register)
    if programme is None:
        raise ConflictError(NONE_IN_USE)
    desk = programmes.provider_of(programme).campaigns
    _check_time(at, desk.minutes, now)
    try:
        campaign = _checked(desk, campaign_id, at)
        watching.look(tools, programme, now)
    except (RetryableError, PermanentError) as error:
        raise UnavailableError(programme.name, error.detail) from None
    with tools.database.transaction() as session:
        plan = actions.Plan(processor=programme.id, campaign=campaign, at=at, about=about)
        actions.keep_place(session, tools, plan, now=now)
    _plan(tools, programme, desk, campaign, at)
    with tools.database.transaction() as session:
        records.lock(session)
        edition = records.find(session, programme.id, campaign_id)
        if edition is None:
            raise ConflictError(REFUSED)
        if edition.state == "asked":
            edition.state = "scheduled"
        actions.judge(session, tools)
    return edition


def drafts(tools: Tools) -> tuple[int, Sequence[Campaign] | None]:
    """Return of how many minutes a planned time is a multiple, and the mailings that can still be planned.

    None while the programme does not say. Raises ConflictError where there is no programme.
    """
    programme = programmes.active(tools.register)
    if programme is None:
        raise ConflictError(NONE_IN_USE)
    desk = programmes.provider_of(programme).campaigns
    try:
        return desk.minutes, desk.drafts()
    except (RetryableError, PermanentError) as error:
        details = {"processor": programme.id, "because": error.detail}
        _log.warning("a programme does not say what can be planned", extra={"fields": details})
        return desk.minutes, None


def _check_time(at: datetime, minutes: int, now: datetime) -> None:
    if not now + SOONEST <= at <= now + LATEST:
        raise InvalidInputError(
            {"at": [Both("Kies een tijdstip tussen tien minuten en een jaar van nu.",
                         "Choose a time between ten minutes and a year from now.")]}
        )  # fmt: skip
    if at.second or at.microsecond or at.minute % minutes:
        raise InvalidInputError(
            {"at": [Both(f"Dit programma verstuurt om de {minutes} minuten: kies zo'n tijdstip.",
                         f"This programme sends every {minutes} minutes: choose such a time.")]}
        )  # fmt: skip


def _checked(desk: Campaigns, campaign_id: str, at: datetime) -> Campaign:
    """Return the mailing if it may become an edition."""
    campaign = desk.find(campaign_id)
    if campaign is None:
        raise InvalidInputError({"campaign": [UNKNOWN]})
    if campaign.audience != WHOLE:
        raise InvalidInputError({"campaign": [WHOM[campaign.audience]]})
    if campaign.state == "sent":
        raise ConflictError(SENT)
    if campaign.state == "scheduled" and campaign.at != at:
        raise ConflictError(PLANNED)
    return campaign


def _plan(tools: Tools, programme: Processor, desk: Campaigns, campaign: Campaign, at: datetime) -> None:
    """Have the programme plan it and see that it did; a no gives the place in the calendar back.

    A no alone says little: somebody who clicked twice hears one of a mailing that is planned.
    """
    try:
        if campaign.state == "draft":
            with contextlib.suppress(PermanentError):
                desk.schedule(campaign.campaign_id, at)
        seen = desk.find(campaign.campaign_id)
    except PermanentError:
        seen = None
    except RetryableError as error:
        raise UnavailableError(programme.name, error.detail) from None
    if seen is not None and (seen.state, seen.at, seen.audience) == ("scheduled", at, WHOLE):
        return
    with tools.database.transaction() as session:
        actions.drop(session, programme.id, campaign.campaign_id)
    raise ConflictError(REFUSED if seen is None or seen.state == "draft" else OTHERWISE)
