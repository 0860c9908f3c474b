"""The seed mailbox: an ordinary subscriber of ours whose copy of an edition is looked at (P24)."""

from __future__ import annotations

import logging
import re
from datetime import timedelta
from typing import TYPE_CHECKING

from services.newsletter import programmes
from services.newsletter.editions import actions, records, rules
from services.newsletter.editions.actions import SEEN_WITHIN
from services.newsletter.editions.copies import lacks_of
from services.newsletter.editions.headers import subject_of
from services.newsletter.editions.origins import origin_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from services.newsletter.editions.copies import Lack
    from services.newsletter.editions.origins import Origin, Vouching
    from services.newsletter.editions.records import Edition
    from shared.propagation.register import Processor
    from shared.service import Tools

EARLIER = timedelta(days=1)
"""By so much a mail's day may differ from ours: IMAP searches by days of the host's own zone."""
MARK = re.compile(r"\*\|.{1,60}?\|\*|\{\{.{1,60}?\}\}|\{.{1,60}?\}|\[.{1,60}?\]")
"""Where a programme puts something of the reader's own into a subject."""
_log = logging.getLogger(__name__)


def look_into(tools: Tools, programme: Processor, now: datetime) -> None:
    """Look for the copies of editions that were sent. Raises OutsideError and ConfigurationError.

    One that is not there after a day is said to be missing, also where the mailbox does not open.
    """
    mailbox, vouching = programmes.seed_of(programme), programmes.vouching_of(programme)
    with tools.database.reading() as session:
        waiting = records.find_waiting(session, programme.id)
    if mailbox is None or not waiting:
        return
    copies: Sequence[bytes] = ()
    try:
        with mailbox.opened() as folders:
            day = (min(each.at for each in waiting) - EARLIER).date()
            copies = folders.since(day, lambda head: any(_of(each, head, vouching) != "other" for each in waiting))
    finally:
        url = tools.settings.public_url
        _write_down(tools, [(each, _lacks(each, copies, vouching, url)) for each in waiting], now)


def _write_down(tools: Tools, found: Sequence[tuple[Edition, Sequence[Lack] | None]], now: datetime) -> None:
    with tools.database.transaction() as session:
        records.lock(session)
        for known, lacks in found:
            edition = records.find(session, known.processor, known.campaign)
            if edition is None:
                continue
            if lacks is not None:
                edition.lacks = [*lacks]
                edition.seed = rules.seed_of(lacks)
            elif now >= edition.at + SEEN_WITHIN:
                edition.seed = "unseen"
        session.flush()
        actions.judge(session, tools)


def _lacks(edition: Edition, copies: Sequence[bytes], vouching: Vouching, url: str) -> Sequence[Lack] | None:
    """Return what the edition's copy that came last lacks; None where there is none that can be read."""
    for copy in reversed(copies):
        origin = _of(edition, copy, vouching)
        if origin != "other":
            try:
                return [*lacks_of(copy, url), *(["origin"] if origin == "alike" else ())]
            except Exception as error:  # noqa: BLE001 - a stranger's mail must not keep the others from being looked at
                because = {"because": type(error).__qualname__}
                _log.warning("a mail in the seed mailbox cannot be read", extra={"fields": because})
    return None


def _of(edition: Edition, mail: bytes, vouching: Vouching) -> Origin:
    parts = [" ".join(part.split()) for part in MARK.split(edition.subject)]
    return origin_of(mail, edition.sender_domain, vouching) if _is_filled_in(parts, subject_of(mail)) else "other"


def _is_filled_in(parts: Sequence[str], subject: str) -> bool:
    """Tell whether a subject has these parts in order, with anything between them and nothing around them."""
    first, *others = parts
    if not others:
        return subject == first
    *between, last = others
    place = len(first)
    for part in between:
        found = subject.find(part, place)
        if found < 0:
            return False
        place = found + len(part)
    return subject.startswith(first) and subject.endswith(last) and place + len(last) <= len(subject)
