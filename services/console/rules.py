"""What the console decides by itself: passwords, names, how long to wait, when a session is over, what to offer."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import TYPE_CHECKING

from shared.auth import STAFF_ROLES
from shared.errors import InvalidInputError
from shared.wording import Both

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from datetime import date, datetime

LONGEST_SESSION = timedelta(hours=8)
LONGEST_IDLE = timedelta(minutes=30)

WINDOW = timedelta(minutes=15)
MOST_FROM_ONE_PLACE = 10
MOST_FOR_ONE_ACCOUNT = 50
MOST_IN_ALL = 300

SHORTEST_PASSWORD = 12
LONGEST_PASSWORD = 200
NAME = re.compile(r"[a-z][a-z0-9.-]{1,39}")
BIG_NUMBER = re.compile(r"[0-9]{11}")

OFFERED: dict[str, frozenset[str]] = {
    "read-forms": frozenset({"physician", "assistant", "front-desk", "privacy-coordinator"}),
    "read-attempts": frozenset({"admin", "privacy-coordinator", "front-desk"}),
    "read-dossier": frozenset({"physician", "assistant", "front-desk", "privacy-coordinator"}),
    "read-requests": frozenset({"privacy-coordinator", "fg", "front-desk"}),
    "read-incidents": frozenset({"privacy-coordinator", "fg", "admin"}),
    "deal-with-incidents": frozenset({"privacy-coordinator", "admin"}),
    "enter-incidents": frozenset(
        {"privacy-coordinator", "admin", "physician", "assistant", "front-desk", "bookkeeper"}
    ),
    "see-refused-mails": frozenset({"privacy-coordinator", "front-desk", "admin"}),
    "see-editions": frozenset({"privacy-coordinator", "front-desk", "admin", "fg"}),
    "plan-editions": frozenset({"privacy-coordinator", "front-desk", "admin"}),
    "read-decisions": frozenset({"privacy-coordinator", "fg", "admin"}),
    "check-identity": frozenset({"privacy-coordinator", "front-desk"}),
    "record-delivery": frozenset({"privacy-coordinator", "front-desk"}),
    "decide": frozenset({"privacy-coordinator"}),
    "propose-closure": frozenset({"privacy-coordinator"}),
    "confirm-closure": frozenset({"privacy-coordinator", "physician"}),
}
"""Which roles a page offers what. It only hides: the service decides whether an act is allowed."""


def may(roles: Collection[str], what: str) -> bool:
    """Tell whether to offer something to somebody with these roles."""
    return not OFFERED[what].isdisjoint(roles)


def check_account(name: str, roles: Collection[str], secrecy_kind: str, secrecy_reference: str) -> None:
    """Raise InvalidInputError unless this can become an account: P40 wants a secrecy basis for each."""
    wrong: dict[str, list[str]] = {}
    if not NAME.fullmatch(name):
        wrong["name"] = ["2 to 40 small letters, digits, dots and hyphens, beginning with a letter."]
    if not roles or not STAFF_ROLES.issuperset(roles):
        wrong["roles"] = [f"One or more of: {', '.join(sorted(STAFF_ROLES))}."]
    if not secrecy_reference.strip():
        wrong["secrecy"] = ["Name the BIG number or the contract that binds this person to secrecy."]
    elif secrecy_kind == "professional" and not BIG_NUMBER.fullmatch(secrecy_reference):
        wrong["secrecy"] = ["A BIG number has 11 digits."]
    if wrong:
        raise InvalidInputError(wrong)


def check_password(name: str, password: str) -> None:
    """Raise InvalidInputError unless the password can be used: length counts, not odd characters.

    What is the account's own name in it adds nothing; a short name may well stand in a password by chance.
    """
    if not SHORTEST_PASSWORD <= len(password) <= LONGEST_PASSWORD:
        raise InvalidInputError({"password": [f"Use {SHORTEST_PASSWORD} to {LONGEST_PASSWORD} characters."]})
    own = password.lower().replace(name, "")
    if len(own) < SHORTEST_PASSWORD or len(set(password)) < SHORTEST_PASSWORD // 3:
        raise InvalidInputError({"password": ["Choose one that is harder to guess."]})


def why_closed(disabled_at: datetime | None, secrecy_ends_on: date | None, today: date) -> Both | None:
    """Say why nobody may sign in with an account, or None when they may (P40); the last day still counts."""
    if disabled_at is not None:
        return Both("Dit account is afgesloten.", "This account is closed.")
    if secrecy_ends_on is not None and secrecy_ends_on < today:
        return Both(
            "De afspraak over geheimhouding is afgelopen; vraag de beheerder om een nieuwe vast te leggen.",
            "The secrecy agreement has ended; ask the administrator to record a new one.",
        )
    return None


def is_over(began_at: datetime, seen_at: datetime, now: datetime) -> bool:
    """Tell whether a session ended by its age or because nobody used it."""
    return now - began_at >= LONGEST_SESSION or now - seen_at >= LONGEST_IDLE


def wait_for(failures: Sequence[datetime], most: int, now: datetime) -> timedelta:
    """Return how long a next attempt must wait after these failed ones, in order of time; zero if it may be made.

    An attempt that had to wait is no failure, so a wait is never longer than the window.
    """
    recent = [moment for moment in failures if now - moment < WINDOW]
    return timedelta() if len(recent) < most else recent[-most] + WINDOW - now
