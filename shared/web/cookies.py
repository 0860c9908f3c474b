"""Cookies: only what stands on the policy's register leaves this system (P82)."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection

    from flask import Response

LOG = logging.getLogger(__name__)


def keep_to_register(response: Response, registered: Collection[str]) -> Response:
    """Take out of an answer the cookies that are not on the register; that one was to be set is a fault, and logged."""
    said = response.headers.getlist("Set-Cookie")
    kept = [cookie for cookie in said if cookie.partition("=")[0].strip() in registered]
    if len(kept) < len(said):
        LOG.error("a cookie that is not on the register was not set")
        response.headers.setlist("Set-Cookie", kept)
    return response
