"""The newsletter programme on the command line: connect it, and hear what can be promised with it."""

from __future__ import annotations

import secrets
import sys
from typing import TYPE_CHECKING

import click

from services.newsletter_edition_commands import editions
from services.newsletter_list_commands import import_, reconcile

if TYPE_CHECKING:
    from collections.abc import Callable

    from services.newsletter.connecting import SecretFiles
    from services.newsletter.processors.interface import Promise
    from shared.propagation.register import Processor
    from shared.service import Tools
    from shared.settings import Settings

WAIT = 60.0


@click.group()
def newsletter() -> None:
    """The e-mail marketing programme that the newsletter faces."""


newsletter.add_command(import_)
newsletter.add_command(reconcile)
newsletter.add_command(editions)


@newsletter.command()
@click.argument("provider")
@click.option("--wait", type=click.FloatRange(0), help="Seconds to wait for the test message.  [default: 60]")
@click.option("--test-address", help="Put on the list and erased again; default: one at the clinic's own domain.")
@click.pass_obj
def connect(settings: Callable[[], Settings], provider: str, wait: float | None, test_address: str | None) -> None:
    """Connect PROVIDER, by its id in the register: check its key, make its webhooks, hear a test message.

    Run it where the newsletter's services run, while they run. It may be run again at any time. Ends with 1 when
    the test message does not arrive.
    """
    from services.newsletter import connecting, programmes  # noqa: PLC0415 - each command loads only what it needs
    from shared.composition import build_tools  # noqa: PLC0415

    chosen = settings()
    files = connecting.prepare_secrets(chosen.processors, provider)
    for name in sorted(files.made):
        click.echo(f"{files.paths[name]}: a new {name.replace('_', ' ')}.")
    tools = build_tools(chosen, "newsletter")
    processor = programmes.find(tools.register, provider)
    adapter = programmes.provider_of(processor)
    adapter.check()
    click.echo(f"{processor.name}: the key works, and the list and the first name's field are there.")
    if processor.adapter in programmes.ASKED:
        click.echo(f"{processor.name} has no webhooks: it is asked every five minutes who left.")
        arrived = True
    else:
        arrived = _connect(tools, processor, files, wait, test_address)
    _say(adapter.promises)
    sys.exit(0 if arrived else 1)


def _connect(
    tools: Tools, processor: Processor, files: SecretFiles, wait: float | None, test_address: str | None
) -> bool:
    """Make the webhooks and wait for a message; return False when one was provoked or awaited and did not come."""
    from services.newsletter import connecting, programmes  # noqa: PLC0415

    made, learnt = connecting.ensure_webhooks(tools, processor, files)
    click.echo(f"{processor.name}: {len(made)} webhooks made or mended." if made else "The webhooks are there.")
    if learnt:
        click.echo(f"{learnt}: the signing secret that {processor.name} chose.")
    if learnt or files.made:
        click.echo("Restart the newsletter's services, so that they know the new secret, and run this again.")
        return True
    provider = programmes.telling_of(processor)
    before = connecting.heard_so_far(tools)
    email = None
    if provider.echoes:
        domain = tools.policy.clinic.contact.rpartition("@")[2]
        email = test_address or f"discreet-test-{secrets.token_hex(4)}@{domain}"
        connecting.provoke(provider, email, tools.clock())
        click.echo("A test address was put on the list and erased again.")
    elif wait is None:
        click.echo(
            f"{processor.name} tells nothing of what we do ourselves. Run this with --wait 300, and unsubscribe an "
            "address of your own on its screens meanwhile."
        )
        return True
    else:
        click.echo(f"Waiting {wait:.0f} seconds: now unsubscribe an address of your own on its screens.")
    if connecting.wait_for(tools, processor, email=email, before=before, seconds=WAIT if wait is None else wait):
        click.echo("Its message arrived, proved where it came from, and was taken in.")
        return True
    url = tools.settings.public_url
    click.echo(f"No message arrived. Is {url} reachable from {processor.name}, and does our worker run?", err=True)
    return False


def _say(promises: tuple[Promise, ...]) -> None:
    from shared.wording import text_in  # noqa: PLC0415

    headings = {
        True: ("Kan worden beloofd", "Can be promised"),
        False: ("Kan niet worden beloofd", "Cannot be promised"),
    }
    for kept, (dutch, english) in headings.items():
        click.echo(f"\n{dutch} / {english}")
        for promise in promises:
            if promise.kept is kept:
                click.echo(f"- {text_in('nl', promise.text)}\n  {text_in('en', promise.text)}")
