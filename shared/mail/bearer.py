"""Signing in with an access token, over whatever protocol: SASL's XOAUTH2, or OAUTHBEARER (RFC 7628).

What the server does                               what the caller sees
-------------------------------------------------  -----------------------------------------------------
it takes neither of the two                        PermanentError
it refuses the token that was kept, and a new one  PermanentError with its code, and the reason it gives
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

from shared.errors import PermanentError

if TYPE_CHECKING:
    from collections.abc import Callable

    from shared.mail.tokens import Tokens

MECHANISMS = ("XOAUTH2", "OAUTHBEARER")
"""The older one first: Microsoft knows no other, and whoever knows the standard mostly takes both."""
REASON = re.compile(r"[A-Za-z0-9_]{1,30}")


@dataclass(frozen=True, slots=True)
class Door:
    """Where an account signs in; ``party`` is what our sentences call it."""

    party: str
    host: str
    port: int
    account: str


@dataclass(slots=True)
class Answers:
    """What we say in one attempt: the token to the first challenge, and to the next, a refusal, what ends it."""

    mechanism: str
    door: Door
    token: str = field(repr=False)
    reason: str = ""
    _shown: bool = False

    def __call__(self, challenge: bytes | None = None) -> str:
        """Return the answer to a challenge."""
        if not self._shown:
            self._shown = True
            return self._token_for_xoauth2() if self.mechanism == "XOAUTH2" else self._token_for_oauthbearer()
        self.reason = _reason_in(challenge or b"")
        return "" if self.mechanism == "XOAUTH2" else "\x01"  # RFC 7628 section 3.2.3

    def _token_for_xoauth2(self) -> str:
        return f"user={self.door.account}\x01auth=Bearer {self.token}\x01\x01"

    def _token_for_oauthbearer(self) -> str:
        name = self.door.account.replace("=", "=3D").replace(",", "=2C")  # RFC 5801 section 4
        place = f"host={self.door.host}\x01port={self.door.port}"
        return f"n,a={name},\x01{place}\x01auth=Bearer {self.token}\x01\x01"


Attempt: TypeAlias = "Callable[[str, Answers], str | None]"
"""Signs in by a mechanism with these answers; returns None, or the server's code where it refuses the token."""


def sign_in(tokens: Tokens, door: Door, offers: Callable[[str], bool], attempt: Attempt) -> None:
    """Sign in with the token that is kept, and once more with a new one where the server refuses it.

    Raises RetryableError, PermanentError, and what ``attempt`` raises.
    """
    mechanism = next(filter(offers, MECHANISMS), None)
    if mechanism is None:
        raise PermanentError(f"The {door.party} lets nobody in by a token ({' or '.join(MECHANISMS)}).")
    refused = ""
    for token in tokens.to_try():
        answers, taken = Answers(mechanism, door, token), False
        try:
            code = attempt(mechanism, answers)
            taken = code is None
        finally:
            if not taken:
                tokens.forget(token)
        if taken:
            return
        refused = ", ".join(each for each in (code, answers.reason) if each)
    raise PermanentError(f"The {door.party} does not take the token or its account{refused and f' ({refused})'}.")


def _reason_in(challenge: bytes) -> str:
    """Return why a token was refused, such as ``invalid_token`` or ``401``."""
    try:
        said = json.loads(challenge)
        status = str(said["status"])
    except (ValueError, RecursionError, LookupError, TypeError):
        return ""
    return status if REASON.fullmatch(status) else ""
