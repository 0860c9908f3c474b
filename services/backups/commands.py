"""Backups on the command line: ``discreet backup`` and ``discreet restore``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from shared.clock import utc_text
from shared.settings import SERVICES

if TYPE_CHECKING:
    from collections.abc import Callable

    from services.backups.manifest import Kind
    from shared.settings import Settings

    Read = Callable[[], Settings]

PARTS = (*SERVICES, "console")
NOT_IN_IT = "Not in it, and kept apart: the journal (DISCREET_JOURNAL), the keys (DISCREET_KEYS), the configuration."


def _only(command: Callable[..., None]) -> Callable[..., None]:
    keys = click.option("--keys-only", is_flag=True, help="Only the databases of data keys.")
    return keys(click.option("--data-only", is_flag=True, help="Only the data.")(command))


def _kinds(*, keys_only: bool, data_only: bool) -> list[Kind]:
    if keys_only and data_only:
        raise click.UsageError("Say --keys-only or --data-only, or neither for both.")
    return ["keys"] if keys_only else ["data"] if data_only else ["data", "keys"]


@click.command()
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), required=True, help="Where backups lie.")
@click.option("--prune", is_flag=True, help="Afterwards, remove those whose term in the policy is over.")
@_only
@click.pass_obj
def backup(settings: Read, *, out: Path, prune: bool, keys_only: bool, data_only: bool) -> None:
    """Back up data and keys, each in a directory of its own below OUT, while the system runs."""
    from services.backups import taking  # noqa: PLC0415 - each command loads only what it needs

    chosen, kinds = settings(), _kinds(keys_only=keys_only, data_only=data_only)
    for taken in taking.take(chosen, out.resolve(), kinds, chosen.clock()):
        click.echo(f"{taken.directory}: {len(taken.manifest.parts)} files, {taken.size} octets")
    for directory in taking.prune(chosen, out.resolve(), kinds, chosen.clock()) if prune else ():
        click.echo(f"{directory}: removed, its term is over")
    click.echo(NOT_IN_IT)


@click.command()
@click.argument("directory", type=click.Path(exists=True, file_okay=False, path_type=Path), required=False)
@click.option("--service", "services", type=click.Choice(PARTS), multiple=True, help="Only this; may be repeated.")
@click.option("--proceed-without", type=click.Choice(SERVICES), help="Do not wait any longer for what this one knows.")
@_only
@click.pass_obj
def restore(
    settings: Read,
    *,
    directory: Path | None,
    services: tuple[str, ...],
    proceed_without: str | None,
    keys_only: bool,
    data_only: bool,
) -> None:
    """Put a backup back: DIRECTORY is one backup, or where they lie (the last of each kind is taken).

    The system must not run. At its next start it does again what was decided since, before it answers.
    """
    from services.backups import putting_back  # noqa: PLC0415

    chosen = settings()
    if proceed_without is not None:
        waiting = [each for each in services or SERVICES if each in SERVICES]
        told = putting_back.proceed_without(chosen, proceed_without, waiting)
        click.echo(f"No longer waiting for {proceed_without}: {', '.join(told) or 'nobody was'}. It is recorded.")
    elif directory is None:
        raise click.UsageError("Say which directory to put back, or --proceed-without.")
    else:
        found = putting_back.find(directory.resolve(), _kinds(keys_only=keys_only, data_only=data_only))
        for line in putting_back.put_back(chosen, found, services or putting_back.parts_of(chosen)):
            click.echo(line)
        for each, said in found:
            click.echo(f"{each} is of {utc_text(said.made_at)}.")
        click.echo(
            "Put back. At the next start everything that was decided since is carried out again, and keys are\n"
            "destroyed again, before anything stored is shown. New forms are accepted. /readyz says when it is over."
        )
