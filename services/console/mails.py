"""Mails of a trial as a page shows them: plain text, in which only addresses of our own can be followed."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

HEADERS = ("From", "To", "Date", "Reply-To", "List-Unsubscribe", "List-Unsubscribe-Post")
"""The headers that are worth a look beside the subject."""


def with_links(text: str, origin: str) -> Iterator[tuple[str, bool]]:
    """Cut a text where addresses of ours begin and end; with each piece, whether it is one.

    Addresses elsewhere stay text: a trial's page must lead nowhere else. A full stop after an address is none
    of it.
    """
    address = re.compile(rf"({re.escape(origin)}(?=/)[^\s<>\"']*[\w/=&%#~-])")
    for number, piece in enumerate(address.split(text)):
        if piece:
            yield piece, number % 2 == 1
