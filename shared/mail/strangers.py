"""Mail of strangers: anybody can write to a mailbox, and what Python takes minutes to read is told by its bytes."""

from __future__ import annotations

import re

LONGEST_HEADER = 8000
OVERLONG = re.compile(rb"^content-[a-z-]{1,40}:(?:[^\n]|\n[ \t]){%d}" % LONGEST_HEADER, re.IGNORECASE | re.MULTILINE)
"""The parameters of these headers are taken apart in a time that grows with the square of their length, or worse."""
MOST_PARTS = 100


def is_made_slow(mail: bytes) -> bool:
    """Tell whether a mail has a header or a number of parts that no sender writes who wants to be read."""
    return OVERLONG.search(mail) is not None or mail.lower().count(b"boundary=") > MOST_PARTS
