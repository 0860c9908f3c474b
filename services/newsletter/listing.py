"""The list as a programme has it: read page by page, at the pace that it allows."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from services.newsletter.processors.interface import SENT_TO
from services.newsletter.records import short_ref
from shared.errors import InvalidInputError, RetryableError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from services.newsletter.processors.interface import Member, NewsletterProvider
    from shared.identity import References

TRIES = 5
LONGEST_WAIT = 120  # seconds; whoever asks for more has us come back another time
ResultT = TypeVar("ResultT")
PAUSE = 5  # seconds, where it is not said


@dataclass(frozen=True, slots=True)
class Listed:
    """Whom a programme mails and whom it does not, as short forms of their references: a few bytes a person."""

    there: set[int] = field(default_factory=set)
    left: set[int] = field(default_factory=set)


def patiently(call: Callable[[], ResultT], *, wait: Callable[[float], None] = time.sleep) -> ResultT:
    """Return what a call does, which is made several times if the programme asks for patience. Raises OutsideError."""
    for _ in range(TRIES - 1):
        try:
            return call()
        except RetryableError as error:
            pause = error.retry_after or PAUSE
            if pause > LONGEST_WAIT:
                raise
        wait(pause)
    return call()


def everybody(provider: NewsletterProvider) -> Iterator[Sequence[Member]]:
    """Yield the list's pages, and wait where the programme asks for it. Raises OutsideError."""
    after: str | None = ""
    while after is not None:
        page = patiently(partial(provider.members, after))
        yield page.members
        after = page.rest


def listed(provider: NewsletterProvider, refs: References, *, progress: Callable[[int], None]) -> Listed:
    """Read the whole list. Raises OutsideError."""
    found = Listed()
    for members in everybody(provider):
        for member in members:
            try:
                short = {short_ref(ref) for ref in refs.emails(member.email)}
            except InvalidInputError:
                continue
            (found.there if member.state in SENT_TO else found.left).update(short)
        progress(len(members))
    return found
