"""What is decided about subscriptions by looking at times and numbers only."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import TYPE_CHECKING, Literal

from shared.wording import is_one_line

if TYPE_CHECKING:
    from datetime import datetime

Standing = Literal["confirmed", "ended", "erased", "pending"]
"""What a person is to us."""
Drift = Literal["left-there", "back-there", "erased-here", "missing-there", "unknown-here"]

MAIL_PAUSE = timedelta(hours=1)
MOST_MAILS = 3
"""How many confirmation mails one address gets before the link in the first has expired: whoever types in
somebody else's address may not fill their mailbox with ours."""

_NO_NAME = re.compile(r"[<>]|://|\bwww\.", re.IGNORECASE)


def may_be_named(first_name: str) -> bool:
    """Tell whether this can stand in every newsletter after "Hello": the programme puts it into a page as it is.

    With markup or a link in it, whoever signs somebody else up would write into what the clinic sends them.
    """
    return is_one_line(first_name) and not _NO_NAME.search(first_name)


def may_ask(mails: int, mailed_at: datetime | None, expires_at: datetime, now: datetime) -> bool:
    """Tell whether an address may be sent a confirmation mail (again)."""
    if mailed_at is None or has_expired(expires_at, now):
        return True
    return mails < MOST_MAILS and now - mailed_at >= MAIL_PAUSE


def has_expired(expires_at: datetime, now: datetime) -> bool:
    """Tell whether the link in a confirmation mail no longer works (P36)."""
    return now >= expires_at


def is_answered(asked_at: datetime, confirmed_at: datetime | None) -> bool:
    """Tell whether the last confirmation mail was already acted on: a second click changes nothing."""
    return confirmed_at is not None and confirmed_at >= asked_at


def is_overtaken(occurred_at: datetime, confirmed_at: datetime) -> bool:
    """Tell whether an opt-out at a programme is older than the consent we have.

    Programmes tell the time in whole seconds; within the same second the opt-out wins.
    """
    return occurred_at < confirmed_at.replace(microsecond=0)


def lasted_at(moment: datetime, confirmed_at: datetime, ended_at: datetime) -> bool:
    """Tell whether a subscription that has ended was one at that time."""
    return not is_overtaken(moment, confirmed_at) and moment <= ended_at


def drift(ours: Standing | None, theirs: str) -> Drift | None:
    """Tell in what a programme differs from us about a person (P55); an opt-out wins, whose side it is on.

    ``theirs`` is a state of a member, as programmes' adapters name them. Somebody whom a programme asks for a
    confirmation is not mailed yet, and whoever has yet to answer our own mail confirmed nothing with us.
    """
    if ours == "confirmed":
        if theirs in ("unsubscribed", "cleaned"):
            return "left-there"
        return "missing-there" if theirs == "absent" else None
    if ours == "erased":
        return None if theirs == "absent" else "erased-here"
    if theirs != "subscribed":
        return None
    return "back-there" if ours == "ended" else "unknown-here"
