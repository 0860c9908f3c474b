"""Following a person to a new address, which a programme tells of before or after everything else about it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlalchemy as sa

from services.newsletter.actions.contents import open_content, seal_content
from services.newsletter.actions.heard import is_noted
from services.newsletter.actions.removing import remove
from services.newsletter.records import CONFIRMED, ENDED, PENDING
from shared.identity import normalise_email
from shared.propagation.tables import tombstones

if TYPE_CHECKING:
    from services.newsletter.actions.heard import Heard
    from services.newsletter.actions.meant import Hearing
    from services.newsletter.records import Subscription


def change_address(hearing: Hearing, heard: Heard) -> str:
    """Follow a subscriber to the new address, unless that one has opted out: an opt-out always wins.

    Returns in a word what became of it.
    """
    subscription, email = hearing.confirmed_before(heard), heard.event.new_email
    if subscription is None or email is None:
        return "unknown"
    if subscription.ref in heard.new_refs:
        return "nothing-new"
    if hearing.meant.find(heard.new_refs, CONFIRMED) is not None:
        _remove(hearing, subscription)  # the programme has made one of the two, and so do we
        return "merged"
    opted_out = _has_opted_out(hearing, heard)
    if (pending := hearing.meant.find(heard.new_refs, PENDING)) is not None:
        _remove(hearing, pending)
    _readdress(hearing, subscription, email)
    if not opted_out:
        return "address-changed"
    # The programme mails the new address now, so it has to be told.
    hearing.end(subscription, "address-changed", heard.all_refs, reported=False)
    return "ended"


def _has_opted_out(hearing: Hearing, heard: Heard) -> bool:
    """Tell whether the new address said no: in a subscription, in a tombstone, or in what we were told."""
    if hearing.meant.find(heard.new_refs, ENDED) is not None:
        return True
    buried = sa.select(tombstones.c.record).where(tombstones.c.ref.in_(heard.new_refs)).limit(1)
    if hearing.session.scalar(buried) is not None:
        return True
    if not set(heard.new_refs).isdisjoint(hearing.unknown):
        return True
    return is_noted(hearing.session, hearing.tools, hearing.processor, heard.new_refs)


def _readdress(hearing: Hearing, subscription: Subscription, email: str) -> None:
    content = open_content(hearing.tools, subscription) | {"email": normalise_email(email)}
    seal_content(hearing.session, hearing.tools, subscription, content)
    subscription.former_ref, subscription.ref = subscription.ref, hearing.tools.refs.email(email)
    subscription.version += 1
    hearing.session.flush()
    hearing.meant.place(subscription)


def _remove(hearing: Hearing, subscription: Subscription) -> None:
    remove(hearing.session, hearing.tools, subscription, now=hearing.now)
    hearing.meant.drop(subscription)
