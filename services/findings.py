"""What looking an installation over brings to light: in words, and whether it deserves attention."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from shared.settings import Settings


@dataclass(frozen=True, slots=True)
class Finding:
    """What was found: ``well`` or something that deserves attention."""

    well: bool
    text: str


Check = Callable[[Settings], Iterator[Finding]]
ServiceCheck = Callable[[Settings, str], Iterator[Finding]]
"""About one service, by its name."""


def well(text: str) -> Finding:
    """Return a finding that is as it should be."""
    return Finding(well=True, text=text)


def look(text: str) -> Finding:
    """Return a finding that deserves attention."""
    return Finding(well=False, text=text)
