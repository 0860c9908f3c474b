"""Accounts of staff on the command line: make them, close them, give a new password."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from shared.auth import STAFF_ROLES
from shared.clock import system_clock
from shared.errors import InvalidInputError, NotFoundError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime

    from services.console.records import AccountStore
    from shared.settings import Settings

PASSWORD = "New password"  # noqa: S105 - a prompt


@click.group()
def account_commands() -> None:
    """Accounts of staff for the console."""


@account_commands.command("add")
@click.argument("name")
@click.option("--display-name", default="", help="How the person is called on the pages.")
@click.option("--role", "roles", multiple=True, required=True, type=click.Choice(sorted(STAFF_ROLES)))
@click.option("--big", help="BIG number: bound to secrecy as a professional.")
@click.option("--contract", help="Name or number of the contract that binds this person to secrecy.")
@click.option("--until", type=click.DateTime(["%Y-%m-%d"]), help="The contract's last day; no sign-in after it.")
@click.pass_obj
def add(
    settings: Callable[[], Settings],
    *,
    name: str,
    display_name: str,
    roles: tuple[str, ...],
    big: str | None,
    contract: str | None,
    until: datetime | None,
) -> None:
    """Make an account; its password is asked for. Say --big or --contract (P40)."""
    from services.console.actions import add_account  # noqa: PLC0415 - each command loads only what it needs
    from services.console.records import Secrecy  # noqa: PLC0415

    if (big is None) == (contract is None):
        raise click.UsageError("Say on what this person's secrecy rests: --big NUMBER or --contract REFERENCE.")
    secrecy = Secrecy(
        kind="contract" if big is None else "professional",
        reference=str(contract if big is None else big),
        ends_on=until.date() if until else None,
    )
    store = _store(settings())
    password = click.prompt(PASSWORD, hide_input=True, confirmation_prompt=True)
    with _saying_which():
        add_account(
            store,
            name=name,
            display_name=display_name,
            roles=roles,
            secrecy=secrecy,
            password=password,
            now=system_clock(),
        )
    click.echo(f"{name} may sign in as {', '.join(roles)}.")


@account_commands.command("list")
@click.pass_obj
def list_accounts(settings: Callable[[], Settings]) -> None:
    """List the accounts: roles, on what secrecy rests, whether they are closed."""
    from services.tables import print_rows  # noqa: PLC0415

    print_rows(
        ("name", "called", "roles", "secrecy", "state"),
        [
            (
                each.name,
                each.display_name,
                ", ".join(each.roles),
                f"{each.secrecy.kind} {each.secrecy.reference}",
                str(each.why_closed(system_clock()) or "open"),
            )
            for each in _store(settings()).all()
        ],
    )


@account_commands.command("disable")
@click.argument("name")
@click.pass_obj
def disable(settings: Callable[[], Settings], name: str) -> None:
    """Close an account; whoever is signed in with it is out at once."""
    from services.console.actions import close_account  # noqa: PLC0415

    close_account(_store(settings()), name, system_clock())
    click.echo(f"{name} can no longer sign in.")


@account_commands.command("set-password")
@click.argument("name")
@click.pass_obj
def set_password(settings: Callable[[], Settings], name: str) -> None:
    """Give an account a new password, which is asked for; its sessions end."""
    from services.console import actions  # noqa: PLC0415

    store = _store(settings())
    if store.find(name) is None:
        raise NotFoundError("There is no account of that name.")
    password = click.prompt(PASSWORD, hide_input=True, confirmation_prompt=True)
    with _saying_which():
        actions.set_password(store, name, password)
    click.echo(f"{name} has a new password.")


@contextmanager
def _saying_which() -> Iterator[None]:
    """Say on the terminal which field is wrong, and how."""
    try:
        yield
    except InvalidInputError as error:
        wrong = "; ".join(f"{name}: {' '.join(texts)}" for name, texts in error.fields.items())
        raise click.ClickException(wrong) from None


def _store(settings: Settings) -> AccountStore:
    from services.console.records import AccountStore  # noqa: PLC0415
    from services.console.service import directory_of  # noqa: PLC0415

    return AccountStore(directory_of(settings))
