"""What looking into an incident can end in, and when somebody is reminded of its clock."""

from __future__ import annotations

from datetime import timedelta
from typing import Literal, get_args

Found = Literal["unwanted", "nothing", "weakness", "breach-without-risk", "breach-authority", "breach-persons"]
"""No real report; nothing wrong; a weakness, but nobody's data; a breach without risk (art. 33(1) AVG: not notified),
one that the authority was told of, and one that the persons themselves were told of too (art. 34)."""
FINDINGS: tuple[Found, ...] = get_args(Found)
REMIND_BEFORE = timedelta(hours=24)
