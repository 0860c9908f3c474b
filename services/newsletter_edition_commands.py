"""The editions of the newsletter on the command line: which there were, which are planned, and what is wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from services.newsletter_list_commands import newsletter_tools

if TYPE_CHECKING:
    from collections.abc import Callable

    from services.newsletter.editions.records import Edition
    from shared.settings import Settings

SHOWN = 20
WRONG = {
    "too-early": "within six weeks of another (P22)",
    "part-of-list": "to a part of the list (P23)",
    "more-than-list": "to more people than the list",
    "unknown": "the programme does not show whom it goes to",
    "seed-unseen": "not in the seed mailbox within 24 hours",
    "seed-lacking": "the copy in the seed mailbox lacks",
}


@click.command()
@click.pass_obj
def editions(settings: Callable[[], Settings]) -> None:
    """Look at the programme now, list the latest editions, and say when the next may be.

    Does what the job does every hour: staff are mailed of what is wrong.
    """
    from services.newsletter.editions import records, watching  # noqa: PLC0415 - each command loads what it needs
    from services.newsletter.editions.rules import may_be_next_on  # noqa: PLC0415

    with newsletter_tools(settings()) as tools:
        watching.watch(tools, tools.clock())
        with tools.database.reading() as session:
            found = records.find_page(session, None, SHOWN)
            latest = records.latest(session)
        earliest = tools.policy.clocks.newsletter_earliest.length
    for edition in found:
        click.echo(_line(edition))
        for code in edition.warnings:
            lacks = f" {', '.join(edition.lacks)}" if code == "seed-lacking" else ""
            click.echo(f"    ! {WRONG.get(code, code)}{lacks}")
    if latest is None:
        click.echo("No edition was planned or sent yet.")
    else:
        click.echo(f"The next may be on {may_be_next_on(latest.at, earliest)} at the earliest.")


def _line(edition: Edition) -> str:
    from shared.deadlines import ZONE  # noqa: PLC0415

    how = "through us" if edition.known_by == "scheduled" else f"watched by {edition.known_by}"
    when = f"{edition.at.astimezone(ZONE):%Y-%m-%d %H:%M}"
    return f"{when}  {edition.state:<9}  {how:<18}  {edition.campaign}  {edition.subject}"
