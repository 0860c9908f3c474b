"""What is decided about editions by looking at their days and at whom they go to (P22, P23)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from shared.deadlines import add_period, local_date

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable
    from datetime import date, datetime

    from dateutil.relativedelta import relativedelta

About = Literal["offers", "products-and-services", "changes"]
"""What an edition may be about, by the statement's own list (P23)."""
State = Literal["told", "asked", "scheduled", "sent"]
KnownBy = Literal["scheduled", "webhook", "poll"]
Seed = Literal["waiting", "verified", "alike", "lacking", "unseen"]
"""What became of the copy in the seed mailbox; ``alike``: in order, and nothing shows that it is the programme's."""
Warning_ = Literal[
    "too-early", "part-of-list", "more-than-list", "another-list", "unknown", "seed-lacking", "seed-unseen"
]

ABOUT: tuple[About, ...] = ("offers", "products-and-services", "changes")
WHOLE = "whole-list"


def may_be_next_on(at: datetime, earliest: relativedelta) -> date:
    """Return the first day on which another edition may follow; the time of day does not count."""
    return add_period(local_date(at), earliest)


def in_the_way(at: datetime, others: Iterable[datetime], earliest: relativedelta) -> datetime | None:
    """Return the edition that is too close to one at that time, before or after it, or None."""
    close = (other for other in others if local_date(max(at, other)) < may_be_next_on(min(at, other), earliest))
    return min(close, key=lambda other: abs(other - at), default=None)


def is_overdue(last: datetime, now: datetime, overdue: relativedelta) -> bool:
    """Tell whether so much time went by since an edition that staff are reminded of the next."""
    return local_date(now) >= add_period(local_date(last), overdue)


def seed_of(lacks: Collection[str]) -> Seed:
    """Return what is said of a copy that lacks this."""
    if not lacks:
        return "verified"
    return "alike" if set(lacks) == {"origin"} else "lacking"


def warnings_of(
    audience: str, seed: str | None, at: datetime, earlier: Iterable[datetime], earliest: relativedelta
) -> list[Warning_]:
    """Return what is wrong with an edition; ``earlier`` are the editions that were sent or planned before it."""
    found: list[Warning_] = []
    if in_the_way(at, earlier, earliest) is not None:
        found.append("too-early")
    if audience != WHOLE:
        found.append(audience)  # type: ignore[arg-type]
    if seed in ("lacking", "unseen"):
        found.append(f"seed-{seed}")  # type: ignore[arg-type]
    return found
