"""The accounts of staff: one small file that only this program may read, changed by one process at a time."""

from __future__ import annotations

from contextlib import contextmanager
from datetime import date, datetime  # noqa: TC003 - msgspec reads the annotations at run time
from typing import TYPE_CHECKING, Literal

import msgspec

from services.console.rules import why_closed
from shared.deadlines import local_date
from shared.errors import ConfigurationError, ConflictError, NotFoundError
from shared.keys.files import locked, read_secret, write_file

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from shared.wording import Both

SecrecyKind = Literal["professional", "contract"]


class Secrecy(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Why this person keeps what they read to themselves (P40, P41).

    ``reference`` is the BIG number of a professional, or names the contract; ``ends_on`` is its last day.
    """

    kind: SecrecyKind
    reference: str
    ends_on: date | None = None


class Account(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One account; ``name`` is the login id and what decisions carry as who decided.

    ``stamp`` changes with the password and when the account is closed: a session holds the one it began
    with and ends with it.
    """

    name: str
    display_name: str
    kind: Literal["trial", "staff"]
    roles: tuple[str, ...]
    password_hash: str
    stamp: str
    secrecy: Secrecy
    created_at: datetime
    disabled_at: datetime | None = None

    def why_closed(self, now: datetime) -> Both | None:
        """Say why nobody may sign in with this account, or None when they may."""
        return why_closed(self.disabled_at, self.secrecy.ends_on, local_date(now))


class _File(msgspec.Struct, forbid_unknown_fields=True):
    accounts: list[Account] = []


class AccountStore:
    """The accounts in ``directory``; every method raises ConfigurationError where the file cannot be used."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._path = directory / "accounts.json"

    def all(self) -> list[Account]:
        """Return every account, in the order they were made."""
        if not self._path.exists():
            return []
        try:
            return msgspec.json.decode(read_secret(self._path), type=_File).accounts
        except msgspec.MsgspecError:
            # Without a cause: it could repeat what stands in the file.
            raise ConfigurationError(f"{self._path} does not have the form of an accounts file.") from None

    def find(self, name: str) -> Account | None:
        """Return the account of that name, closed or not."""
        return next((account for account in self.all() if account.name == name), None)

    def add(self, account: Account) -> None:
        """Add an account. Raises ConflictError when its name is taken, also by a closed one."""
        with self._changing() as accounts:
            if any(known.name == account.name for known in accounts):
                raise ConflictError("There is an account of that name already.")
            accounts.append(account)

    def replace(self, account: Account) -> None:
        """Put an account in the place of the one of its name. Raises NotFoundError."""
        with self._changing() as accounts:
            names = [known.name for known in accounts]
            if account.name not in names:
                raise NotFoundError("There is no account of that name.")
            accounts[names.index(account.name)] = account

    @contextmanager
    def _changing(self) -> Iterator[list[Account]]:
        with locked(self.directory):
            accounts = self.all()
            yield accounts
            content = msgspec.json.format(msgspec.json.encode(_File(accounts)), indent=2)
            write_file(self._path, content + b"\n")
