"""What the settings of a programme have beside what those of every adapter have."""

from __future__ import annotations

from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from shared.errors import ConfigurationError


def zone(name: str) -> ZoneInfo:
    """Return a time zone by its IANA name. Raises ConfigurationError."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ConfigurationError("The setting timezone in the register is no time zone.") from error
