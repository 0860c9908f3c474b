"""What shows that a mail in the seed mailbox is of the programme, and no stranger's with the same subject (P24).

A sender and a List-Unsubscribe anybody can write. What a stranger cannot write is what the mailbox's own host found of
the DKIM signature as the mail came in: Authentication-Results (RFC 8601) in the host's name, which it has to take away
where somebody else wrote it (section 5).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from services.newsletter.editions.headers import head, sender_of, written

if TYPE_CHECKING:
    from collections.abc import Iterator
    from email.message import Message

Origin = Literal["shown", "alike", "other"]
"""Shown to be of the programme; like a mail of it, which is not shown; or none of it."""
ABOUT_DKIM = re.compile(r"\s*dkim\s*=\s*([a-z]+)", re.IGNORECASE)
SIGNER = re.compile(r"\bheader\.[di]\s*=\s*(?:[^\s@=]{0,64}@)?([a-z0-9_.-]{1,255})", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Vouching:
    """Who vouches for a mail: the name that the mailbox's host gives itself, in a header that is kept from strangers.

    ``dkim_domain`` is whose signature the programme's mail carries, where that is not the domain of the sender.
    """

    authserv_id: str = ""
    dkim_domain: str = ""


def origin_of(mail: bytes, sender: str, vouching: Vouching) -> Origin:
    """Tell whether a mail is of the programme, by its headers; ``sender`` is the domain that its mailing is sent from.

    Without the name of a host that vouches nothing can be shown, and a mail from that domain looks like one of it. With
    the name, only what the host found to be signed counts.
    """
    message = head(mail)
    from_sender = not sender or _is_within(sender_of(message), sender)
    signer = vouching.dkim_domain or sender
    if not vouching.authserv_id or not signer:
        return "alike" if from_sender else "other"
    signed = any(_is_within(each, signer) or _is_within(signer, each) for each in _signers(message, vouching))
    return "shown" if signed and (from_sender or vouching.dkim_domain) else "other"


def _signers(message: Message, vouching: Vouching) -> Iterator[str]:
    """Yield the domains whose signature the host found right, in the topmost of its headers that speaks of any."""
    for value in written(message, "Authentication-Results"):
        host, *results = _without_asides(value).split(";")
        if host.lower().split()[:1] != [vouching.authserv_id.lower()]:
            continue
        found = {result: said[1].lower() for result in results if (said := ABOUT_DKIM.match(result))}
        if found:
            right = (result for result, verdict in found.items() if verdict == "pass")
            yield from (signer for result in right for signer in SIGNER.findall(result))
            return


def _without_asides(value: str) -> str:
    """Return a header without its comments and without what is quoted, which repeats a sender's own words.

    Where one of them does not end, nothing.
    """
    kept: list[str] = []
    depth, quoted, escaped = 0, False, False
    for letter in value:
        if escaped:
            escaped = False
        elif letter == "\\" and (depth or quoted):
            escaped = True
        elif quoted:
            quoted = letter != '"'
        elif letter == "(":
            depth += 1
            kept.append(" ")
        elif depth:
            depth -= letter == ")"
        elif letter == '"':
            quoted = True
        else:
            kept.append(letter)
    return "" if depth or quoted else "".join(kept)


def _is_within(domain: str, other: str) -> bool:
    """Tell whether a domain is another one, or below it."""
    domain, other = (each.lower().strip(".") for each in (domain, other))
    return bool(other) and (domain == other or domain.endswith(f".{other}"))
