"""How listmonk is asked for subscribers: an expression of SQL, which it puts into a query of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime


def of_address(email: str) -> str:
    """Ask for one address, whatever its capitals; a quote in it ends no text."""
    quoted = email.replace("'", "''")
    return f"LOWER(subscribers.email) = LOWER('{quoted}')"


def after(number: int) -> str:
    """Ask for those after a number: a page by its number misses somebody when somebody before leaves meanwhile."""
    return f"subscribers.id > {number}"


def changed(since: datetime) -> str:
    """Ask for what changed since then, of the subscriber or of the subscription.

    An unsubscribe by the link in a mail changes the second only, and an edit on their screens the first only.
    """
    moment = since.isoformat()
    return f"(subscriber_lists.updated_at >= '{moment}' OR subscribers.updated_at >= '{moment}')"
