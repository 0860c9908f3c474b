"""What people do with accounts: make, close, give a new password, sign in, sign out."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

from msgspec.structs import replace

from services.console.passwords import hash_password, is_password
from services.console.records import Account
from services.console.rules import check_account, check_password
from shared.errors import ForbiddenError, NotFoundError, UnauthenticatedError
from shared.wording import Both

if TYPE_CHECKING:
    from collections.abc import Collection
    from datetime import datetime
    from typing import Literal

    from services.console.records import AccountStore, Secrecy
    from services.console.sign_ins import SignIns

# Without the letters and digits that look like others.
LETTERS = "abcdefghjkmnpqrstuvwxyz23456789"


def add_account(
    store: AccountStore,
    *,
    name: str,
    display_name: str,
    roles: Collection[str],
    secrecy: Secrecy,
    password: str,
    now: datetime,
    kind: Literal["trial", "staff"] = "staff",
) -> Account:
    """Make an account. Raises InvalidInputError without a secrecy basis (P40), ConflictError for a taken name."""
    check_account(name, roles, secrecy.kind, secrecy.reference)
    check_password(name, password)
    account = Account(
        name=name,
        display_name=display_name.strip() or name,
        kind=kind,
        roles=tuple(sorted(set(roles))),
        password_hash=hash_password(password),
        stamp=secrets.token_hex(8),
        secrecy=secrecy,
        created_at=now,
    )
    store.add(account)
    return account


def set_password(store: AccountStore, name: str, password: str) -> None:
    """Give an account a new password; its sessions end. Raises NotFoundError, InvalidInputError."""
    check_password(name, password)
    account = _existing(store, name)
    store.replace(replace(account, password_hash=hash_password(password), stamp=secrets.token_hex(8)))


def close_account(store: AccountStore, name: str, now: datetime) -> None:
    """Close an account; its sessions end. It stays on record, since decisions carry its name."""
    account = _existing(store, name)
    if account.disabled_at is None:
        store.replace(replace(account, disabled_at=now, stamp=secrets.token_hex(8)))


def sign_in(
    store: AccountStore, sign_ins: SignIns, name: str, password: str, *, address: str, now: datetime
) -> Account:
    """Return the account that this name and password open.

    Raises TooManyRequestsError before it looks at the password, UnauthenticatedError when they do not
    belong together, ForbiddenError when they do and the account is closed or without a secrecy basis.
    """
    sign_ins.begin(name, address, now)
    account = store.find(name)
    if not is_password(password, account.password_hash if account else None) or account is None:
        raise UnauthenticatedError(
            Both("De naam en het wachtwoord horen niet bij elkaar.", "That name and password do not go together.")
        )
    sign_ins.succeed(name, address, now)
    if reason := account.why_closed(now):
        raise ForbiddenError(reason)
    return account


def make_password() -> str:
    """Return a password that can be read aloud: sixteen characters, 79 bits; long enough whatever names are in it."""
    letters = "".join(secrets.choice(LETTERS) for _ in range(16))
    return "-".join(letters[start : start + 4] for start in range(0, 16, 4))


def _existing(store: AccountStore, name: str) -> Account:
    account = store.find(name)
    if account is None:
        raise NotFoundError("There is no account of that name.")
    return account
