"""Making an installation's home ready: run before every start, and safe to run again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from services import registry
from services.migrate import migrate
from services.sandbox import addresses
from shared.composition import build_tools
from shared.keys import make_trial_keys
from shared.processors.checking import check_adapters
from shared.settings import SERVICES

if TYPE_CHECKING:
    from shared.settings import Settings


def prepare(settings: Settings) -> None:
    """Make directories and databases; in a trial also what live must bring: keys and accounts.

    Raises ConfigurationError when policy or register cannot be used, and in live when keys are missing: otherwise
    the processes would start and fall over, again and again.
    """
    settings.home.mkdir(mode=0o700, parents=True, exist_ok=True)
    if settings.mode == "trial":
        from services.console.accounts import ensure_trial_accounts  # noqa: PLC0415 - live has none

        make_trial_keys(settings.keys, SERVICES)
        addresses.prepare(settings.home, settings.port + 1)
        ensure_trial_accounts(settings)
    check(settings)
    migrate(settings)


def check(settings: Settings) -> None:
    """Read everything that the processes of an installation read at their start. Raises ConfigurationError."""
    from services.console.service import assemble  # noqa: PLC0415 - only where it is checked

    for name in SERVICES:
        tools = build_tools(settings, name)
        tools.keys.masters()
        tools.roster.current()
        check_adapters(registry.load(name), tools)
    assemble(settings)
