"""Cookies: only what stands on the policy's register leaves this system (P82)."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection

LOG = logging.getLogger(__name__)


def keep_to_register(headers: list[tuple[str, str]], registered: Collection[str]) -> list[tuple[str, str]]:
    """Take out of an answer the cookies that are not on the register; that one was to be set is a fault, and logged."""
    kept = [
        (name, value)
        for name, value in headers
        if name.lower() != "set-cookie" or value.partition("=")[0].strip() in registered
    ]
    if len(kept) < len(headers):
        LOG.error("a cookie that is not on the register was not set")
    return kept
