"""Whom a mailing reaches, from the lists it names and whether anything makes it go to fewer."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection

    from services.newsletter.processors.interface import Audience

LONGEST_SUBJECT = 300


def audience_of(ours: str, lists: Collection[str], *, narrowed: bool) -> Audience:
    """Return it; ``narrowed`` by a segment, a condition or lists that are left out.

    What names no list at all, and is narrowed, may well be aimed at a part of ours.
    """
    if not lists:
        return "part-of-list" if narrowed else "unknown"
    if ours not in lists:
        return "another-list"
    if narrowed:
        return "part-of-list"
    return "whole-list" if len(set(lists)) == 1 else "more-than-list"
