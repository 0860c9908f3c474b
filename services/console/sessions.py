"""Who is signed in: a signed cookie that names the account, believed only while the account agrees."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from flask import session
from flask.sessions import SecureCookieSessionInterface

from services.console.rules import is_over

if TYPE_CHECKING:
    from flask import Flask, Request
    from flask.sessions import SecureCookieSession

    from services.console.records import Account
    from services.console.service import Console

COOKIE = "discreet_console"
STAYS = ("language", "wanted")
NOTED_EVERY = timedelta(minutes=1)


class OnConsolePaths(SecureCookieSessionInterface):
    """Flask's sessions, opened only where the cookie goes: services on the same origin have none."""

    def open_session(self, app: Flask, request: Request) -> SecureCookieSession | None:
        """Open one below the cookie's path; elsewhere Flask has a session that is empty and cannot be filled."""
        here = request.path.startswith(self.get_cookie_path(app))
        return super().open_session(app, request) if here else None


def begin(account: Account, now: datetime) -> None:
    """Start a session; what a visitor's cookie held before is gone, its CSRF token included."""
    kept = {name: session[name] for name in STAYS if name in session}
    session.clear()
    session.update(kept)
    session["id"] = secrets.token_hex(16)
    session["name"], session["stamp"] = account.name, account.stamp
    session["began_at"] = session["seen_at"] = int(now.timestamp())


def current(console: Console, now: datetime) -> Account | None:
    """Return who is signed in.

    Nobody, once the session is too old, unused for too long or signed out of, or the account is closed or
    has another password.
    """
    if "id" not in session:
        return None
    began_at, seen_at = (datetime.fromtimestamp(session[name], UTC) for name in ("began_at", "seen_at"))
    account = console.accounts.find(session["name"])
    if (
        account is None
        or account.stamp != session["stamp"]
        or account.why_closed(now)
        or is_over(began_at, seen_at, now)
        or console.sign_ins.is_ended(session["id"])
    ):
        _forget()
        return None
    if now - seen_at >= NOTED_EVERY:
        session["seen_at"] = int(now.timestamp())
    return account


def end(console: Console, now: datetime) -> None:
    """Sign out, also for whoever holds a copy of the cookie."""
    if "id" in session:
        console.sign_ins.end(session["id"], now)
    _forget()


def _forget() -> None:
    language = session.get("language")
    session.clear()
    if language:
        session["language"] = language
