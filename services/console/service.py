"""What the console is made of, without Flask."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from services.console.backend import Backend
from services.console.records import AccountStore
from services.console.sign_ins import SignIns
from shared.clock import system_clock
from shared.errors import ConfigurationError
from shared.keys import ConsoleKeys, KeyStore
from shared.policy import Policy

if TYPE_CHECKING:
    from pathlib import Path

    from shared.clock import Clock
    from shared.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Console:
    """What the pages may use. Its clock is the machine's: a session must end, however a trial sets the time."""

    settings: Settings
    keys: ConsoleKeys
    accounts: AccountStore
    sign_ins: SignIns
    backend: Backend
    policy: Policy
    clock: Clock


def directory_of(settings: Settings) -> Path:
    """Return where the console keeps its accounts."""
    return settings.home / "console"


def assemble(settings: Settings) -> Console:
    """Put the console together.

    Raises ConfigurationError for missing keys, a policy that cannot be used, and in live for trial accounts.
    """
    keys = KeyStore(settings.keys).for_console()
    directory = directory_of(settings)
    accounts = AccountStore(directory)
    trial = [account.name for account in accounts.all() if account.kind == "trial"]
    if settings.mode == "live" and trial:
        raise ConfigurationError(f"{directory} holds trial accounts ({', '.join(trial)}): live starts with none.")
    return Console(
        settings=settings,
        keys=keys,
        accounts=accounts,
        sign_ins=SignIns(directory, keys.secret("sign-ins")),
        backend=Backend(settings, keys.staff_tokens, system_clock),
        policy=Policy.load(settings.policy),
        clock=system_clock,
    )
