"""A token is believed when its signature, key, audience, times and roles all hold, and not otherwise."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from datetime import UTC, datetime, timedelta

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from hypothesis import given
from hypothesis import strategies as st

from shared.auth import LEEWAY, LIFETIME, STAFF_ROLES, Principal, issue_token, verify_token
from shared.errors import UnauthenticatedError
from shared.roster import Roster, RosterKey, roster_document
from shared.signing import SigningKey, public_pem

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
ROOT, CONSOLE, COMMAND, INTAKE, EVENTS, ENDED = (SigningKey.generate() for _ in range(6))


def entry(key: SigningKey, holder: str, purpose: str, ends: datetime | None = None) -> RosterKey:
    """Put a key on the roster, valid for a year already."""
    begins = NOW - timedelta(days=365)
    return RosterKey(
        key_id=key.key_id,
        holder=holder,
        purpose=purpose,
        public_key=key.public_key,
        not_before=begins,
        not_after=ends,
    )


DOCUMENT = roster_document(
    1,
    [
        entry(CONSOLE, "console", "staff-tokens"),
        entry(COMMAND, "command", "tool-tokens"),
        entry(INTAKE, "intake", "claims"),
        entry(EVENTS, "intake", "events"),
        entry(ENDED, "console", "staff-tokens", ends=NOW),
    ],
)
ROSTER = Roster.verified(DOCUMENT, [ROOT.sign(DOCUMENT)], ROOT.public_key)
CLAIMS = {
    "sub": "j.jansen",
    "aud": "dossier",
    "roles": ["assistant"],
    "iat": int(NOW.timestamp()),
    "exp": int(NOW.timestamp()) + 900,
    "jti": "b2c9",
}


def token_of(key: SigningKey = CONSOLE, **changes: object) -> str:
    """Issue a token the proper way."""
    values = {"subject": "j.jansen", "roles": ["assistant"], "audience": "dossier", "now": NOW, **changes}
    return issue_token(key.private_key, key.key_id, **values)


def raw(claims: dict[str, object], key: SigningKey = CONSOLE, **header: object) -> str:
    """Sign any claims under any header."""
    return jwt.encode(claims, key.private_key, algorithm="EdDSA", headers={"kid": key.key_id, **header})


def verified(token: str, *, audience: str = "dossier", now: datetime = NOW) -> Principal:
    """Verify as the dossier service would."""
    return verify_token(token, audience=audience, roster=ROSTER, now=now)


def refused(token: str, **how: object) -> str:
    """Return why a token was refused."""
    with pytest.raises(UnauthenticatedError) as caught:
        verified(token, **how)
    assert caught.value.__suppress_context__ or caught.value.__context__ is None
    return caught.value.detail


def test_a_staff_token_says_who_and_in_which_roles() -> None:
    """The issuer is the holder of the key, by the roster and not by the token."""
    assert verified(token_of(roles=["physician", "admin"])) == Principal(
        subject="j.jansen", roles=frozenset({"physician", "admin"}), issuer="console"
    )


def test_a_tool_token_may_be_for_every_service() -> None:
    """``discreet token`` prints one token that each service takes."""
    token = token_of(COMMAND, roles=["tool"], audience=["intake", "dossier"])
    assert verified(token).issuer == "command"
    assert verified(token, audience="intake").roles == {"tool"}
    assert "another service" in refused(token, audience="newsletter")


def test_a_service_speaks_for_itself_to_one_service() -> None:
    """A claims key carries its own service's name, that role alone, and one audience."""
    mine = {"subject": "intake", "roles": ["service"]}
    assert verified(token_of(INTAKE, **mine)).issuer == "intake"
    assert "for itself" in refused(token_of(INTAKE, **mine | {"subject": "requests"}))
    assert "for itself" in refused(token_of(INTAKE, **mine, audience=["dossier", "requests"]))


@pytest.mark.parametrize(
    ("key", "roles"),
    [
        *((INTAKE, [role]) for role in sorted(STAFF_ROLES)),
        (INTAKE, ["service", "physician"]),
        (CONSOLE, ["service"]),
        (CONSOLE, ["tool"]),
        (CONSOLE, ["physician", "tool"]),
        (CONSOLE, ["owner"]),
        (CONSOLE, []),
        (COMMAND, ["service"]),
    ],
)
def test_a_key_cannot_give_roles_beyond_its_purpose(key: SigningKey, roles: list[str]) -> None:
    """A service that is broken into cannot make itself a physician, nor the console a service."""
    assert "may not speak" in refused(token_of(key, subject="intake", roles=roles))


@pytest.mark.parametrize("key", [EVENTS, ENDED, ROOT, SigningKey.generate()])
def test_a_key_that_is_not_for_tokens_now_is_refused(key: SigningKey) -> None:
    """A key for events, one whose validity ended, the root key itself, and a stranger's."""
    assert "not on the roster" in refused(token_of(key))


def test_a_token_under_the_name_of_another_key_is_refused() -> None:
    """The key id chooses the key; only that key's signature counts."""
    assert "signature" in refused(raw(CLAIMS, key=INTAKE, kid=CONSOLE.key_id))


def test_another_algorithm_is_refused() -> None:
    """Neither none, nor a MAC keyed with the public key everybody has, nor another signature."""
    head = {"typ": "JWT", "kid": CONSOLE.key_id}
    assert "signed in the way" in refused(jwt.encode(CLAIMS, None, algorithm="none", headers=head))
    for secret in (public_pem(CONSOLE.public_key), CONSOLE.public_key):
        assert "signed in the way" in refused(mac(head | {"alg": "HS256"}, secret))
        assert "signature" in refused(mac(head | {"alg": "EdDSA"}, secret))
    other = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    assert "signed in the way" in refused(jwt.encode(CLAIMS, other, algorithm="RS256", headers=head))


def mac(head: dict[str, object], secret: bytes) -> str:
    """Write a token whose signature is an HMAC, whatever its header says."""
    parts = (base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=") for part in (head, CLAIMS))
    body = b".".join(parts)
    tag = base64.urlsafe_b64encode(hmac.new(secret, body, hashlib.sha256).digest()).rstrip(b"=")
    return (body + b"." + tag).decode()


@pytest.mark.parametrize("missing", sorted(CLAIMS))
def test_a_token_without_one_of_the_claims_is_refused(missing: str) -> None:
    """Each of them is needed; a token without an end would live for ever."""
    assert "lacks a claim" in refused(raw({name: value for name, value in CLAIMS.items() if name != missing}))


@pytest.mark.parametrize(
    "change",
    [
        {"sub": 7},
        {"sub": ""},
        {"sub": "j.jansen\n2026-03-01 a.bakker"},
        {"sub": " j.jansen"},
        {"sub": "j" * 101},
        {"roles": "assistant"},
        {"roles": [1]},
        {"exp": str(CLAIMS["exp"])},
        {"exp": None},
        {"iat": True},
        {"exp": CLAIMS["exp"] + 0.5},
        {"jti": None},
    ],
)
def test_a_claim_of_another_type_is_refused(change: dict[str, object]) -> None:
    """Nothing is converted on the way in."""
    assert "wrong type" in refused(raw(CLAIMS | change))


@pytest.mark.parametrize("audience", ["newsletter", ["newsletter"], ["dossie", "dossierr"], "dossie", "dossierr"])
def test_a_token_for_another_service_is_refused(audience: object) -> None:
    """A token that leaks from one service opens no other."""
    assert "another service" in refused(raw(CLAIMS | {"aud": audience}))


def test_a_token_lives_fifteen_minutes_at_most() -> None:
    """Whoever issues one cannot give it more, and whoever verifies it does not take more."""
    with pytest.raises(ValueError, match="fifteen"):
        token_of(lifetime=LIFETIME + timedelta(seconds=1))
    assert "longer" in refused(raw(CLAIMS | {"exp": CLAIMS["exp"] + 1}))
    assert "longer" in refused(raw(CLAIMS | {"exp": CLAIMS["iat"]}))


def test_times_are_taken_with_a_little_leeway() -> None:
    """Two machines' clocks are never quite the same; more than that is expired, or of a later time."""
    token = token_of()
    assert verified(token, now=NOW + LIFETIME + LEEWAY - timedelta(seconds=1))
    assert "expired" in refused(token, now=NOW + LIFETIME + LEEWAY)
    assert verified(token, now=NOW - LEEWAY)
    assert "later time" in refused(token, now=NOW - LEEWAY - timedelta(seconds=1))


@pytest.mark.parametrize(
    "token",
    [
        "",
        ".",
        "..",
        "a.b.c",
        "é.é.é",
        "\x00",
        token_of() + "x",
        token_of()[:-10],
        "x" * 1_000_000,
        base64.urlsafe_b64encode(b"[" * 2500).decode() + ".e30.",
        base64.urlsafe_b64encode(b'{"alg":"EdDSA","kid":["a"]}').decode().rstrip("=") + ".e30.AAAA",
        base64.urlsafe_b64encode(b'{"alg":"EdDSA","kid":7}').decode().rstrip("=") + ".e30.AAAA",
    ],
)
def test_what_is_no_token_is_refused(token: str) -> None:
    """Garbage is answered like any other stranger."""
    assert refused(token)


def test_claims_that_are_no_object_are_refused() -> None:
    """Also under a good signature."""
    for payload in (b"[]", b"7", b"{", b"\xff", b"[" * 2000):
        assert refused(jwt.PyJWS().encode(payload, CONSOLE.private_key, "EdDSA", {"kid": CONSOLE.key_id}))


def test_a_token_with_an_unknown_critical_header_is_refused() -> None:
    """RFC 7515 section 4.1.11: what must be understood and is not makes the token invalid."""
    assert refused(raw(CLAIMS, crit=["exp-plus"], **{"exp-plus": 1}))


@given(st.text(max_size=200))
def test_any_text_is_refused(text: str) -> None:
    """Nothing a header can carry makes the check fail in another way."""
    assert refused(text)


def test_two_tokens_of_one_moment_differ() -> None:
    """Each has an id of its own."""
    assert token_of() != token_of()
