"""What follows from how a form was sent, and never from who sent it (P59); and which mail forwards one."""

from __future__ import annotations

import re
import uuid
from datetime import timedelta
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Sequence

    from shared.policy.sites import Bringer

Suspicion = Literal["trap", "too-fast", "links", "no-proof"]
FASTEST = timedelta(seconds=3)
MOST_LINKS = 4
FORWARDING = uuid.UUID("3f3c9bd6-5d0b-4f0e-8c39-6f3a5b6a0d52")
_LINK = re.compile(r"https?://|\bwww\.|\[url", re.IGNORECASE)


def suspicions(*, trap: bool, filled_in: timedelta | None, message: str, work: bool = True) -> Sequence[Suspicion]:
    """Return why this may be unwanted, in order of weight; nothing for what people usually send.

    ``filled_in`` is how long the form was before a visitor, or None where nobody knows. ``work``: what the site asks
    of a browser was done. A browser without script cannot do any, and its form is looked at rather than refused.
    """
    found: list[Suspicion] = []
    if trap:
        found.append("trap")
    if filled_in is not None and filled_in < FASTEST:
        found.append("too-fast")
    if len(_LINK.findall(message)) > MOST_LINKS:
        found.append("links")
    if not work:
        found.append("no-proof")
    return found


def came_via_host(brought_by: Bringer, *, keeps_copies: bool) -> bool:
    """Tell whether the website's host had a form before we did: only who had it is told what becomes of it.

    A server passed it on, or the policy says that the host of that site keeps copies; of a form on our own page
    the host saw nothing.
    """
    return brought_by in ("site-server", "program") or (keeps_copies and brought_by != "our-page")


def forwarding_mail(form_id: str) -> str:
    """Return the id of the mail that brings a form to the clinic: who knows the form finds its mail, at any time."""
    return str(uuid.uuid5(FORWARDING, form_id))
