"""The accounts of a trial system: one for each role the pages know, with passwords made at the first start."""

from __future__ import annotations

from typing import TYPE_CHECKING

from services.console.actions import add_account, make_password
from services.console.records import AccountStore, Secrecy
from services.console.service import directory_of
from shared.clock import system_clock
from shared.errors import ConfigurationError, ConflictError
from shared.keys.files import locked, read_secret, write_file

if TYPE_CHECKING:
    from pathlib import Path

    from shared.settings import Settings

TRIAL_ROLES = {
    "privacy-coordinator": "Proef: privacycoördinator",
    "physician": "Proef: arts",
    "front-desk": "Proef: balie",
    "fg": "Proef: functionaris gegevensbescherming",
}
IN_A_TRIAL = Secrecy(kind="contract", reference="trial: nobody real")


def ensure_trial_accounts(settings: Settings) -> list[tuple[str, str]]:
    """Make the trial accounts that are missing; return their names and passwords, to be shown once.

    They also stand in ``trial_accounts_file``. Raises ConfigurationError in live.
    """
    if settings.mode != "trial":
        raise ConfigurationError("Trial accounts are for DISCREET_MODE=trial only.")
    store = AccountStore(directory_of(settings))
    made: list[tuple[str, str]] = []
    for role, display_name in TRIAL_ROLES.items():
        password = make_password()
        try:
            add_account(
                store,
                name=role,
                display_name=display_name,
                roles=[role],
                secrecy=IN_A_TRIAL,
                password=password,
                now=system_clock(),
                kind="trial",
            )
        except ConflictError:
            continue
        made.append((role, password))
        _note(trial_accounts_file(settings), role, password)
    return made


def trial_accounts_file(settings: Settings) -> Path:
    """Return the file, for its owner only, that says how to sign in to a trial: a name and a password a line."""
    return directory_of(settings) / "trial-accounts.txt"


def _note(path: Path, name: str, password: str) -> None:
    with locked(path.parent):
        known = read_secret(path) if path.exists() else b""
        write_file(path, known + f"{name}  {password}\n".encode())
