"""E-mail addresses in the one form that references are made over."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from typing import NoReturn

import idna

from shared.errors import InvalidInputError
from shared.wording import Both

LOCAL_PART_OCTETS = 64
ADDRESS_OCTETS = 254
"""RFC 5321 section 4.5.3.1: 64 for the local part; 256 for the path, which has two angle brackets."""

# RFC 5321 dot-atoms, and RFC 6531 for everything beyond ASCII. Quoted local parts are refused: nobody has one.
_ATOM = r"[a-z0-9!#$%&'*+/=?^_`{|}~\u0080-\U0010ffff-]+"
_LOCAL_PART = re.compile(rf"{_ATOM}(\.{_ATOM})*")
_INVISIBLE = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zs", "Zl", "Zp"})

TOO_LONG = Both("Dit is te lang voor een e-mailadres.", "This is too long for an e-mail address.")
ONE_SIGN = Both("In een e-mailadres staat één @-teken.", "An e-mail address has one @ sign.")
UNSEEN = Both(
    "In een e-mailadres staan geen spaties, regeleinden of onzichtbare tekens.",
    "An e-mail address has no spaces, line ends or invisible characters.",
)
BEFORE = Both("Het deel voor het @-teken klopt niet.", "The part before the @ sign is not valid.")
NO_DOMAIN = Both("Het deel na het @-teken is geen domein.", "The part after the @ sign is not a valid domain.")
NOT_WHOLE = Both(
    "Het deel na het @-teken is geen volledig domein, zoals kliniek.nl.",
    "The part after the @ sign is not a full domain name.",
)


def normalise_email(text: str, *, field: str = "email") -> str:
    """Return the address in NFC, trimmed, lower-cased, its domain as IDNA A-labels; dots and tags stay.

    Doing it twice changes nothing. Raises InvalidInputError for ``field``; the message never repeats the value.
    """
    if len(text) > 2 * ADDRESS_OCTETS:
        _refuse(field, TOO_LONG)
    # Lower-casing can take a character out of NFC, so NFC comes last as well.
    address = unicodedata.normalize("NFC", unicodedata.normalize("NFC", text).strip().lower())
    if address.count("@") != 1:
        _refuse(field, ONE_SIGN)
    local, _, domain = address.partition("@")
    fits = _LOCAL_PART.fullmatch(local)
    if not (fits and local.isascii()) and any(unicodedata.category(each) in _INVISIBLE for each in local):
        _refuse(field, UNSEEN)
    if not fits:
        _refuse(field, BEFORE)
    normal = f"{local}@{_ascii_domain(domain, field)}"
    if len(local.encode()) > LOCAL_PART_OCTETS or len(normal.encode()) > ADDRESS_OCTETS:
        _refuse(field, TOO_LONG)
    return normal


def _ascii_domain(domain: str, field: str) -> str:
    """Return the domain as A-labels (UTS 46, non-transitional); a bare host, a literal or a final dot is refused."""
    try:
        labels = _encoded(domain).split(".")
    except UnicodeError:
        _refuse(field, NO_DOMAIN)
    if len(labels) < 2 or labels[-1] == "" or labels[-1].isdigit():
        _refuse(field, NOT_WHOLE)
    return ".".join(labels)


@lru_cache(maxsize=1000)
def _encoded(domain: str) -> str:
    """Return a domain in its ASCII form: nearly all people are at few domains, and this takes longest by far."""
    return idna.encode(domain, uts46=True).decode("ascii")


def _refuse(field: str, message: Both) -> NoReturn:
    # Without a cause: the library's own message repeats what was typed.
    raise InvalidInputError({field: [message]}) from None
