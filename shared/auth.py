"""Tokens: who is calling, in which roles, signed by a key that may speak for them."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Literal, get_args

import jwt
import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from shared.errors import UnauthenticatedError

if TYPE_CHECKING:
    from collections.abc import Collection
    from datetime import datetime

    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    from shared.roster import Purpose, Roster, RosterKey

Role = Literal[
    "physician", "assistant", "front-desk", "bookkeeper", "privacy-coordinator", "fg", "admin", "tool", "service"
]
ROLES: frozenset[Role] = frozenset(get_args(Role))
STAFF_ROLES: frozenset[Role] = ROLES - {"tool", "service"}
ROLES_BY_PURPOSE: dict[Purpose, frozenset[Role]] = {
    "staff-tokens": STAFF_ROLES,
    "tool-tokens": STAFF_ROLES | {"tool"},
    "claims": frozenset({"service"}),
}
"""What a key of each purpose may say of a caller. A key for events may say nothing here."""

LIFETIME = timedelta(minutes=15)
LEEWAY = timedelta(seconds=30)
"""How far two machines' clocks may be apart."""
LONGEST = 4096  # characters
LONGEST_NAME = 100


@dataclass(frozen=True, slots=True)
class Principal:
    """Who calls. ``issuer`` is the holder of the key that signed: a service, ``console`` or ``command``.

    ``on_behalf_of`` and ``purpose`` are what a tool adds in headers: stated by the tool, not signed.
    """

    subject: str
    roles: frozenset[str]
    issuer: str
    on_behalf_of: str | None = None
    purpose: str | None = None


class _Claims(msgspec.Struct, frozen=True):
    """The claims every token has, with exactly these types; more are ignored (RFC 7519 section 4)."""

    sub: str
    aud: str | list[str]
    roles: list[str]
    iat: int
    exp: int
    jti: str


def is_name(subject: str) -> bool:
    """Tell whether a token may be about this: it comes to stand in logs, records, and decisions as who decided."""
    return 0 < len(subject) <= LONGEST_NAME and subject.isprintable() and subject == subject.strip()


def issue_token(
    private_key: Ed25519PrivateKey,
    key_id: str,
    *,
    subject: str,
    roles: Collection[str],
    audience: str | Collection[str],
    now: datetime,
    lifetime: timedelta = LIFETIME,
) -> str:
    """Return a signed token for one service, or for several; ``lifetime`` is at most fifteen minutes."""
    if not timedelta(0) < lifetime <= LIFETIME:
        raise ValueError("a token lives for fifteen minutes at most")
    issued = int(now.timestamp())
    claims = {
        "sub": subject,
        "aud": audience if isinstance(audience, str) else sorted(audience),
        "roles": sorted(roles),
        "iat": issued,
        "exp": issued + int(lifetime.total_seconds()),
        "jti": str(uuid.uuid4()),
    }
    return jwt.encode(claims, private_key, algorithm="EdDSA", headers={"kid": key_id})


def verify_token(token: str, *, audience: str, roster: Roster, now: datetime) -> Principal:
    """Return who a token speaks for.

    The key decides what may be said: the console's and the command's speak for staff, a service's claims key
    for that service alone. Raises UnauthenticatedError, which says what is wrong and repeats nothing.
    """
    key = _signer(token, roster, now)
    claims = _claims(token, key, audience)
    _check_times(claims, now)
    allowed = ROLES_BY_PURPOSE.get(key.purpose, frozenset())
    if not is_name(claims.sub):
        raise UnauthenticatedError("The token lacks a claim, or one has the wrong type.")
    if not claims.roles or not allowed.issuperset(claims.roles):
        raise UnauthenticatedError("The token's key may not speak for such a caller.")
    if key.purpose == "claims" and (claims.sub != key.holder or claims.aud != audience):
        raise UnauthenticatedError("A service speaks for itself only, and to one service at a time.")
    return Principal(subject=claims.sub, roles=frozenset(claims.roles), issuer=key.holder)


def _signer(token: str, roster: Roster, now: datetime) -> RosterKey:
    header = _header(token)
    if header.get("alg") != "EdDSA":
        raise UnauthenticatedError("The token is not signed in the way that is asked for.")
    key_id = header.get("kid")
    key = roster.public_key(key_id) if isinstance(key_id, str) else None
    if key is None or not key.is_valid(now) or key.purpose not in ROLES_BY_PURPOSE:
        raise UnauthenticatedError("The token's key is not on the roster for tokens at this time.")
    return key


def _header(token: str) -> dict[str, Any]:
    if len(token) > LONGEST:
        raise UnauthenticatedError("The token is too long.")
    try:
        return jwt.get_unverified_header(token)
    except (jwt.PyJWTError, UnicodeError):
        raise UnauthenticatedError("This is not a token.") from None


def _claims(token: str, key: RosterKey, audience: str) -> _Claims:
    public_key = Ed25519PublicKey.from_public_bytes(key.public_key)
    # Times go by the caller's clock and not the library's own, and types by ours.
    checked_below = ("verify_exp", "verify_iat", "verify_nbf", "verify_sub", "verify_jti")
    options: Any = dict.fromkeys(checked_below, False)
    try:
        claims = jwt.decode(token, public_key, algorithms=["EdDSA"], audience=audience, options=options)
        return msgspec.convert(claims, _Claims)
    except jwt.InvalidAudienceError:
        raise UnauthenticatedError("The token is for another service.") from None
    except jwt.InvalidSignatureError:
        raise UnauthenticatedError("The token's signature does not hold.") from None
    except (jwt.MissingRequiredClaimError, msgspec.ValidationError):
        raise UnauthenticatedError("The token lacks a claim, or one has the wrong type.") from None
    except (jwt.PyJWTError, ValueError):
        raise UnauthenticatedError("This is not a token.") from None


def _check_times(claims: _Claims, now: datetime) -> None:
    if not 0 < claims.exp - claims.iat <= LIFETIME.total_seconds():
        raise UnauthenticatedError("The token lives longer than a token may.")
    moment, leeway = now.timestamp(), LEEWAY.total_seconds()
    if claims.iat > moment + leeway:
        raise UnauthenticatedError("The token is of a later time.")
    if claims.exp <= moment - leeway:
        raise UnauthenticatedError("The token has expired.")
