"""Access tokens that open a mailbox or a mail server (OAuth 2.0, RFC 6749); they are kept in memory and nowhere else.

What the token endpoint does                                what the caller sees
----------------------------------------------------------  ----------------------------
no connection, no TLS, a time-out, 429, 5xx                 RetryableError
temporarily_unavailable, or another answer without a token  RetryableError
no, with an error such as invalid_client (section 5.2)      PermanentError that names it

Its own words are in none of them: they repeat what was asked.
"""

from __future__ import annotations

import re
import threading
import time
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from shared.errors import ConfigurationError, PermanentError, RetryableError
from shared.processors.http import ProcessorSession, is_loopback

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from shared.processors.http import ProcessorAnswer

EARLIER = 60.0
"""Seconds before its end from which a token is not shown any more: signing in may take that long."""
FOR_NOW = frozenset({"temporarily_unavailable", "server_error", "slow_down"})
ERROR = re.compile(r"[a-z_]{1,60}")
MICROSOFT = re.compile(r"AADSTS[0-9]{1,9}")
TOKEN = re.compile(r"[A-Za-z0-9._~+/-]+=*")  # RFC 6750 section 2.1
LONGEST = 1024 * 1024


@dataclass(eq=False, slots=True, kw_only=True)
class Tokens:
    """Who asks for tokens and where, and the token that holds now; threads share it.

    With a refresh token it is asked by that (section 6), and otherwise by the client's own credentials (section 4.4).
    """

    token_url: str
    client_id: str
    client_secret: str = field(repr=False)
    refresh_token: str = field(repr=False)
    scope: str
    _token: str = field(default="", init=False, repr=False)
    _until: float = field(default=0.0, init=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, init=False, repr=False)

    def to_try(self) -> Iterator[str]:
        """Give the token that is kept, if any, and to whoever was refused with it a new one.

        Raises RetryableError and PermanentError.
        """
        with self._lock:
            kept = self._kept()
        if kept:
            yield kept
        yield self._one()

    def forget(self, token: str) -> None:
        """Keep a token no longer that a server did not take."""
        with self._lock:
            if token == self._token:
                self._token = ""

    def _kept(self) -> str:
        return self._token if time.monotonic() < self._until else ""

    def _one(self) -> str:
        with self._lock:  # who comes meanwhile gets the same token
            if kept := self._kept():
                return kept
            said = _read(self._session().send("POST", form=self._form()))
            token, seconds = said["access_token"], _seconds(said.get("expires_in"))
            self._token, self._until = token, time.monotonic() + seconds - EARLIER
            newer = said.get("refresh_token")
            if self.refresh_token and isinstance(newer, str) and newer:
                self.refresh_token = newer
            return str(token)

    def _session(self) -> ProcessorSession:
        return ProcessorSession(
            base_url=self.token_url, headers={"Accept": "application/json"}, largest=LONGEST, party="token endpoint"
        )

    def _form(self) -> list[tuple[str, str]]:
        if self.refresh_token:
            grant = [("grant_type", "refresh_token"), ("refresh_token", self.refresh_token)]
        else:
            grant = [("grant_type", "client_credentials")]
        who = [("client_id", self.client_id), ("client_secret", self.client_secret), ("scope", self.scope)]
        return [*grant, *(each for each in who if each[1])]


@lru_cache(maxsize=64)
def tokens_of(
    *, token_url: str = "", client_id: str = "", client_secret: str = "", refresh_token: str = "", scope: str = ""
) -> Tokens | None:
    """Return where tokens come from, the same for the same settings; None where none of them is given.

    Raises ConfigurationError.
    """
    if not (token_url or client_id or client_secret or refresh_token or scope):
        return None
    if not (token_url and client_id):
        raise ConfigurationError("Signing in with a token needs both token_url and client_id.")
    if not (client_secret or refresh_token):
        raise ConfigurationError("Signing in with a token needs client_secret, refresh_token or both.")
    if not _may_be_called(token_url):
        raise ConfigurationError("The setting token_url must be an https address.")
    return Tokens(
        token_url=token_url,
        client_id=client_id,
        client_secret=client_secret,
        refresh_token=refresh_token,
        scope=scope,
    )


def _may_be_called(url: str) -> bool:
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
    except ValueError:
        return False
    known = parts.scheme == "https" or (parts.scheme == "http" and is_loopback(host))
    return known and bool(host) and parts.username is None


def _read(answer: ProcessorAnswer) -> Mapping[str, Any]:
    """Return what came with a token."""
    said = answer.object()
    if not answer.ok:
        _judge(answer.status, said)
    token, kind = said.get("access_token"), said.get("token_type")
    if not (isinstance(token, str) and TOKEN.fullmatch(token)):
        raise RetryableError("The token endpoint answered without a token.")
    if not (isinstance(kind, str) and kind.lower() == "bearer"):
        raise PermanentError("The token endpoint gives tokens of another kind than Bearer.")
    return said


def _judge(status: int, said: Mapping[str, Any]) -> None:
    """Raise what a refusal means: the code of the RFC's, and Microsoft's own, which says which it was of many."""
    error = said.get("error")
    code = error if isinstance(error, str) and ERROR.fullmatch(error) else str(status)
    if code in FOR_NOW:
        raise RetryableError(f"The token endpoint gives no token for now: {code}.")
    own = MICROSOFT.search(str(said.get("error_description")))
    raise PermanentError(f"The token endpoint refused us: {code}{f', {own[0]}' if own else ''}.")


def _seconds(said: object) -> float:
    """Return how long a token holds; one of which that is not said is asked for each time."""
    text = str(said)
    return float(text[:9]) if text.isascii() and text.isdigit() else 0.0
