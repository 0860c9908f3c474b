"""``discreet website check``: the clinic's own websites, held against the statement."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from collections.abc import Callable

    from shared.settings import Settings


@click.group()
def website() -> None:
    """The clinic's websites."""


@website.command()
@click.argument("site", required=False)
@click.option("--pages", type=click.IntRange(1, 5000), default=100, show_default=True, help="How many to read at most.")
@click.pass_obj
def check(settings: Callable[[], Settings], site: str | None, pages: int) -> None:
    """Read the pages of the websites in the policy: what they load from others, and cookies not on the register.

    SITE is one of them. Ends with 1 when something was found or a page could not be read. Pages are read as they are
    sent: what a script loads or sets afterwards is not seen.
    """
    from services.tables import print_rows  # noqa: PLC0415 - each command loads what it needs
    from services.websites.checking import Check  # noqa: PLC0415
    from services.websites.fetching import Visitor  # noqa: PLC0415
    from shared.policy import Policy  # noqa: PLC0415
    from shared.policy.sites import origin_of  # noqa: PLC0415

    chosen = settings()
    policy = Policy.load(chosen.policy)
    if site is not None and site not in policy.sites:
        raise click.BadParameter(f"The policy has these: {', '.join(policy.sites) or 'none'}.", param_hint="SITE")
    found, system = False, origin_of(chosen.public_url) or ""
    visitor = Visitor()
    try:
        for name, each in policy.sites.items():
            if site not in (None, name):
                continue
            starts = [*(f"{origin}/" for origin in each.origins), *each.thanks.values()]
            done = Check(visitor, own={*each.origins, system}, cookies=policy.cookies_set_by(name))
            done.read(starts, most=pages)
            if done.problems:
                print_rows(("page", "what", "where", "why"), done.problems, title=name)
            more = ", and there are more" if done.waiting else ""
            click.echo(
                f"{name}: {done.pages} pages and {done.sheets} style sheets read{more}; "
                f"{len(done.problems) or 'nothing'} found. What scripts load or set afterwards is not seen."
            )
            found = found or bool(done.problems)
    finally:
        visitor.close()
    if not policy.sites:
        click.echo("The policy has no websites.")
    sys.exit(1 if found else 0)
