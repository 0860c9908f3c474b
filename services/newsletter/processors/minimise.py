"""What is kept of a webhook: an address, a time, a code word; everything else is left where it is."""

from __future__ import annotations

import hashlib
import json
import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    from services.newsletter.processors.interface import EventKind

# Rules for addresses proper live in shared.identity; this only tells an address from garbage.
# U+FFFD stands where bytes could not be decoded, and half a surrogate pair cannot be written again.
ADDRESS = re.compile(r"[^@\s\x00-\x1f\x7f\ufffd\ud800-\udfff]{1,64}@[^@\s\x00-\x1f\x7f\ufffd\ud800-\udfff]{1,255}")
DOMAIN = re.compile(r"@([a-z0-9.-]{1,255})>?\Z", re.IGNORECASE)
UNFIT_FOR_A_LINE = re.compile(r"[\x00-\x1f\x7f\ufffd\ud800-\udfff]")
EARLIEST, LATEST = (int(datetime(year, 1, 1, tzinfo=UTC).timestamp()) for year in (2000, 2200))
CODE_WORD = re.compile(r"[a-z0-9_-]{1,40}")
OPT_OUTS: frozenset[EventKind] = frozenset({"unsubscribed", "complained", "bounced", "deleted"})


def kept_address(value: object) -> str | None:
    """Return a usable e-mail address, trimmed, or None."""
    text = value.strip() if isinstance(value, str) else ""
    return text if ADDRESS.fullmatch(text) else None


def code_word(value: object) -> str:
    """Return a code word of the programme, or an empty text for anything that could hold more than that."""
    return value if isinstance(value, str) and CODE_WORD.fullmatch(value) else ""


def occurred_at(value: object, zone: ZoneInfo, kind: EventKind) -> datetime | None:
    """Return the aware UTC time of a programme's local time text, or None where it cannot be read.

    In the hour that a zone has twice each autumn, an opt-out is taken as the later and anything else as
    the earlier of the two: the doubt must never let an older opt-in win from an opt-out.
    """
    return written_moment(value, zone, fold=1 if kind in OPT_OUTS else 0)


def written_moment(value: object, zone: ZoneInfo, *, fold: Literal[0, 1] = 0) -> datetime | None:
    """Return the aware UTC time of a text, which without a zone of its own is in this one, or None."""
    if not isinstance(value, str):
        return None
    try:
        moment = datetime.fromisoformat(value.strip())
    except ValueError:
        return None
    if not 2000 <= moment.year < 2200:  # also keeps the conversion below inside what a datetime can hold
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=zone, fold=fold)
    return moment.astimezone(UTC)


def moment(seconds: object) -> datetime | None:
    """Return the aware UTC time of seconds since 1970, or None where they are none that can be meant."""
    if isinstance(seconds, bool) or not isinstance(seconds, int) or not EARLIEST <= seconds < LATEST:
        return None
    return datetime.fromtimestamp(seconds, UTC)


def one_line(value: object, longest: int) -> str:
    """Return a text on one line of at most that length, or nothing for what is no text."""
    text = UNFIT_FOR_A_LINE.sub(" ", value) if isinstance(value, str) else ""
    return " ".join(text.split())[:longest]


def domain_of(value: object) -> str:
    """Return the domain of an address, with or without a name before it, or nothing for what is none."""
    found = DOMAIN.search(value.strip()) if isinstance(value, str) else None
    return found[1].lower() if found else ""


def dedupe_key(*parts: str) -> str:
    """Return one key for the parts by which a programme's events differ; no programme numbers them."""
    return hashlib.sha256(json.dumps(parts, separators=(",", ":")).encode()).hexdigest()
