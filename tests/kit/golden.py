"""The golden events: one of every type, as it was announced once and must be readable for ever."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from shared.messaging import envelope as envelopes

if TYPE_CHECKING:
    from shared.events import Event

FILES = sorted(Path(__file__).parents[1].joinpath("golden").glob("*.json"))


def golden(name: str) -> str:
    """Return the exact text of one, such as ``decision.erasure.v1``."""
    return next(path for path in FILES if path.stem == f"discreet.{name}").read_text()


def golden_event(name: str) -> Event:
    """Return what one says."""
    return envelopes.read_event(envelopes.read(golden(name)))
