"""Which word on an answer counts, when an answer may be closed without one, and by whom."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shared.errors import ConflictError, ForbiddenError
from shared.events import standing
from shared.wording import Both

if TYPE_CHECKING:
    from datetime import datetime

    from shared.auth import Principal


def counts_more(outcome: str, acted_at: datetime, known: str | None, known_at: datetime | None) -> bool:
    """Tell whether a word on an answer takes the place of the last: by its standing, and then by its time."""
    if standing(outcome) != standing(known) or known_at is None:
        return standing(outcome) > standing(known)
    return acted_at >= known_at


def require_named_person(principal: Principal) -> None:
    """Raise ForbiddenError for a program, for a token that names nobody, and for the fg, who decides nothing."""
    if principal.roles & {"tool", "service", "fg"} or principal.subject == principal.issuer:
        raise ForbiddenError(
            Both("Dit doet een medewerker, onder eigen naam.", "A member of staff does this, under their own name.")
        )


def check_closable(*, terminal: bool, due_at: datetime, now: datetime) -> None:
    """Raise ConflictError unless an answer is overdue and has not come."""
    if terminal:
        raise ConflictError(Both("Dit antwoord is er al.", "This answer is there already."))
    if due_at > now:
        raise ConflictError(Both("Dit antwoord is nog niet te laat.", "This answer is not overdue yet."))


def check_second(proposed_by: str, confirmed_by: str) -> None:
    """Raise ForbiddenError unless the two are different people; names of accounts do not differ by case."""
    if proposed_by.casefold() == confirmed_by.casefold():
        raise ForbiddenError(
            Both("Een ander dan wie het voorstelde bevestigt dit.", "Somebody else than who proposed it confirms this.")
        )
