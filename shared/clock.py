"""What time it is, as an argument: aware UTC datetimes, and RFC 3339 text."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from shared.errors import ConfigurationError

if TYPE_CHECKING:
    from pathlib import Path

Clock = Callable[[], datetime]


def system_clock() -> datetime:
    """Return the machine's time, aware and in UTC."""
    return datetime.now(UTC)


def file_clock(path: Path) -> Clock:
    """Return a clock that reads its time from a file, for trying terms; absent means the machine's.

    Only ``shared.settings`` hands this out, and only under ``DISCREET_TESTING=1``.
    """

    def now() -> datetime:
        try:
            return parse_utc(path.read_text(encoding="utf-8").strip())
        except FileNotFoundError:
            return system_clock()
        except ValueError as error:
            raise ConfigurationError(f"{path} does not hold an RFC 3339 time.") from error

    return now


def utc_text(moment: datetime) -> str:
    """Write an aware datetime as RFC 3339 in UTC, with microseconds and ``Z``, so that text sorts as time."""
    if moment.tzinfo is None:
        raise ValueError("a time without a zone")
    return moment.astimezone(UTC).isoformat(timespec="microseconds").removesuffix("+00:00") + "Z"


def parse_utc(text: str) -> datetime:
    """Read RFC 3339 text with a zone; the answer is in UTC. Raises ValueError."""
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError("a time without a zone")
    return moment.astimezone(UTC)
