"""Preferences: what a subscriber changes by the link in the mail."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from services.newsletter import records, tokens
from services.newsletter.actions.contents import open_content, seal_content, subject_of
from services.newsletter.records import CATEGORY, CONFIRMED
from shared.database import lock_subject
from shared.propagation import giving
from shared.propagation.tombs import is_being_erased

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from sqlalchemy.orm import Session

    from shared.service import Tools


def change(session: Session, tools: Tools, token: str, wanted: Mapping[str, Any], *, now: datetime) -> None:
    """Change the first name or the language, where they are given, of the subscription that lasts behind this link.

    The programme that has the person is told of a new first name, as a refresh: that brings nobody back.
    """
    found = records.find_by_unsubscribe_digest(session, tokens.digest_of(token))
    if found is None:
        return
    lock_subject(session, [found.ref])
    current = records.find_again(session, found)
    if current is None or not current.is_live or is_being_erased(session, [current.id]):
        return
    content = open_content(tools, current)
    renamed = wanted.get("first_name", content["first_name"]) != content["first_name"]
    content["first_name"] = wanted.get("first_name", content["first_name"])
    current.language = wanted.get("language", current.language)
    current.version += 1
    seal_content(session, tools, current, content)
    if renamed and current.state == CONFIRMED and current.processor:
        gift = giving.Gift(record=current.id, subject=subject_of(content), ref=current.ref)
        giving.give(session, tools, current.processor, "refresh", category=CATEGORY, gifts=[gift], now=now)
