"""Reading an SPF record as a receiver does (RFC 7208): what it says of everybody else, and what makes it void."""

from __future__ import annotations

import re
from itertools import islice
from typing import TYPE_CHECKING

from shared.errors import PermanentError, RetryableError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from services.mail_domain.names import Names

MOST_LOOKUPS = 10
"""RFC 7208 section 4.6.4: with one more, receivers take the record for an error."""
COSTLY = frozenset({"include", "a", "mx", "ptr", "exists", "redirect"})
FURTHER = frozenset({"include", "redirect"})
_TERM = re.compile(
    r"(?P<says>[+?~-]?)(?P<kind>[a-z][a-z0-9_.-]*)(?:[:=](?P<target>[\w.%{}+-]*))?", re.IGNORECASE | re.ASCII
)


def record_of(names: Names, domain: str) -> str | None:
    """Return the record of a domain, None without one. Raises PermanentError for several, RetryableError."""
    found = [text for text in names.texts(domain) if re.match(r"v=spf1( |\Z)", text, re.IGNORECASE)]
    if len(found) > 1:
        raise PermanentError(f"{domain} has {len(found)} records, so receivers take none (RFC 7208 section 4.5)")
    return found[0] if found else None


def says_of_others(names: Names, record: str) -> str:
    """Return what it says of every other sender: ``-`` refuse, ``~`` distrust, ``?`` nothing, ``+`` accept.

    Raises PermanentError for a record that receivers take for an error, RetryableError.
    """
    if len(list(islice(_lookups(names, record), MOST_LOOKUPS + 1))) > MOST_LOOKUPS:
        raise PermanentError("it asks for more than 10 lookups, so receivers take none (RFC 7208 section 4.6.4)")
    terms = {kind: (says, target) for says, kind, target in _terms(record)}
    if "all" in terms:
        return terms["all"][0] or "+"
    if "redirect" in terms:
        return says_of_others(names, _record_there(names, terms["redirect"][1]))
    return "?"


def _lookups(names: Names, record: str) -> Iterator[str]:
    """Yield what each lookup is for, one by one: whoever stops at the eleventh never goes round in a circle."""
    terms = list(_terms(record))
    ends_here = any(kind == "all" for _, kind, _ in terms)
    for _, kind, target in terms:
        if kind not in COSTLY or (kind == "redirect" and ends_here):
            continue
        yield target
        if kind in FURTHER:
            yield from _lookups(names, _record_there(names, target))


def _record_there(names: Names, domain: str) -> str:
    if "%" in domain:  # a macro
        raise RetryableError("it refers to a name that is another for each mail")
    record = record_of(names, domain)
    if record is None:
        raise PermanentError(f"it refers to {domain}, which has no record (RFC 7208 section 5.2)")
    return record


def _terms(record: str) -> Iterator[tuple[str, str, str]]:
    for term in record.split()[1:]:
        if match := _TERM.match(term):
            yield match["says"], match["kind"].lower(), match["target"] or ""
