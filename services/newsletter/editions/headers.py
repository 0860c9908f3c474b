"""Reading the headers of a mail that anybody may have written.

They are read with the plainer of Python's two policies, and nothing that is very long is read at all: the other one
ends in an IndexError, or takes minutes, over what a stranger may write.
"""

from __future__ import annotations

import re
from email.errors import MessageError
from email.header import decode_header
from email.parser import BytesHeaderParser
from typing import TYPE_CHECKING

from shared.mail.strangers import LONGEST_HEADER

if TYPE_CHECKING:
    from email.message import Message

DOMAIN = re.compile(r"@([^\s<>@]{1,255})>?\Z")


def head(mail: bytes) -> Message:
    """Return the headers of a mail."""
    return BytesHeaderParser().parsebytes(mail)


def values(message: Message, name: str) -> list[str]:
    """Return what stands in the headers of that name, decoded and each on one line."""
    return [" ".join(_decoded(value).split()) for value in written(message, name)]


def written(message: Message, name: str) -> list[str]:
    """Return the same as it was written, the topmost first: each mail host writes above those before it."""
    return [text for value in message.get_all(name, []) if len(text := str(value)) <= LONGEST_HEADER]


def subject_of(mail: bytes) -> str:
    """Return a mail's subject on one line, or nothing where it cannot be read."""
    return next(iter(values(head(mail), "Subject")), "")


def sender_of(message: Message) -> str:
    """Return the domain that a mail says it is from, or nothing where it says none or several."""
    said = values(message, "From")
    found = DOMAIN.search(said[0]) if len(said) == 1 else None
    return found[1].lower() if found else ""


def _decoded(text: str) -> str:
    if "=?" not in text:
        return text
    try:
        parts = [
            part if isinstance(part, str) else part.decode(charset or "latin-1", "replace")
            for part, charset in decode_header(text)
        ]
    except (MessageError, LookupError, ValueError):
        return text
    return "".join(parts)
