"""The ``discreet`` command: what an administrator, a privacy officer and an auditor type."""

from __future__ import annotations

import json
import os
import sys
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

import click

from shared.errors import DiscreetError
from shared.settings import SERVICES, Settings

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

WORKERS = click.Choice([*SERVICES, "all"])
SERVICE = click.Choice(SERVICES)


GROUPS = {
    "account": "services.account_commands:account_commands",
    "broker-definitions": "services.broker_commands:broker_definitions",
    "key": "services.key_commands:key_commands",
}


class Commands(click.Group):
    """Says what is wrong in one line, without a traceback, and ends with 2; loads some commands when used."""

    def list_commands(self, context: click.Context) -> list[str]:
        """Return the names of all commands."""
        return sorted([*super().list_commands(context), *GROUPS])

    def get_command(self, context: click.Context, name: str) -> click.Command | None:
        """Return a command."""
        if name not in GROUPS:
            return super().get_command(context, name)
        module, _, attribute = GROUPS[name].partition(":")
        command: click.Command = getattr(import_module(module), attribute)
        return command

    def invoke(self, context: click.Context) -> Any:
        """Run a command."""
        try:
            return super().invoke(context)
        except DiscreetError as error:
            click.echo(f"discreet: {error.detail}", err=True)
            sys.exit(2)


@click.group(cls=Commands)
@click.pass_context
def main(context: click.Context) -> None:
    """Keep the promises of a clinic's privacy statement, and prove it."""
    context.obj = _Lazy(lambda: Settings.from_environ(os.environ))


class _Lazy:
    """Reads the settings when a command first needs them: ``verify-proof`` needs none."""

    def __init__(self, read: Callable[[], Settings]) -> None:
        self._read = read

    def __call__(self) -> Settings:
        """Return the settings. Raises ConfigurationError."""
        return self._read()


@main.command()
def up() -> None:
    """Run the whole system on this machine."""
    # The parent stays as long as the system: it is a process that loads next to nothing.
    os.execv(sys.executable, [sys.executable, "-m", "services.up"])  # noqa: S606 - our own command


@main.command()
@click.pass_obj
def prepare(settings: _Lazy) -> None:
    """Make what a start needs: directories, databases; in a trial also keys and accounts."""
    from services.prepare import prepare as prepare_home  # noqa: PLC0415

    prepare_home(settings())


@main.command()
@click.option("--new", "message", help="Write a revision instead (for developers).")
@click.option("--branch", default="shared", help="With --new: shared, keys, or a service.")
@click.option("--service", type=SERVICE, help="Only this service's databases.")
@click.pass_obj
def migrate(settings: _Lazy, message: str | None, branch: str, service: str | None) -> None:
    """Bring the databases to this release."""
    from services import migrate as migrations  # noqa: PLC0415

    if message:
        owner = branch if branch in SERVICES else (service or SERVICES[0])
        migrations.new_revision(settings(), owner, branch, message)
    else:
        migrations.migrate(settings(), [service] if service else SERVICES)


@main.command()
@click.argument("service", type=click.Choice([*SERVICES, "console"]))
@click.option("--bind", default="127.0.0.1:8000", show_default=True)
def web(service: str, bind: str) -> None:
    """Serve one service."""
    from shared.settings import ROOT  # noqa: PLC0415

    config = ROOT / "deploy" / "gunicorn.conf.py"
    app = f"services.{service}.app:create_app()"
    os.chdir(ROOT)
    os.execv(  # noqa: S606 - our own command
        sys.executable, [sys.executable, "-m", "gunicorn", "--config", str(config), "--bind", bind, app]
    )


@main.command()
@click.argument("service", type=WORKERS)
@click.pass_obj
def worker(settings: _Lazy, service: str) -> None:
    """Run the loops of a service, or of all of them."""
    from services import worker as loops  # noqa: PLC0415

    loops.run(settings(), service)


@main.command()
@click.option("--role", "roles", multiple=True, required=True, help="May be given several times.")
@click.option("--name", default="command", show_default=True, help="Who the token stands for.")
@click.pass_obj
def token(settings: _Lazy, roles: tuple[str, ...], name: str) -> None:
    """Print a bearer token that is valid for 15 minutes."""
    from shared.auth import ROLES_BY_PURPOSE, is_name, issue_token  # noqa: PLC0415
    from shared.keys import KeyStore  # noqa: PLC0415

    unknown = sorted(set(roles) - ROLES_BY_PURPOSE["tool-tokens"])
    if unknown:
        raise click.BadParameter(f"unknown, or not for people: {', '.join(unknown)}", param_hint="--role")
    if not is_name(name):
        raise click.BadParameter("1 to 100 printable characters, without blanks around them", param_hint="--name")
    chosen = settings()
    key = KeyStore(chosen.keys).for_command()
    click.echo(
        issue_token(key.private_key, key.key_id, subject=name, roles=roles, audience=SERVICES, now=chosen.clock())
    )


@main.command()
@click.argument("service", type=SERVICE, required=False)
@click.pass_obj
def sweep(settings: _Lazy, service: str | None) -> None:
    """Run the timed jobs now."""
    from services import registry  # noqa: PLC0415
    from shared.composition import build_tools  # noqa: PLC0415
    from shared.jobs import run_due  # noqa: PLC0415

    chosen = settings()
    for name in [service] if service else SERVICES:
        run_due(build_tools(chosen, name), registry.load(name).jobs, everything=True)


@main.command()
@click.argument("decision")
@click.option(
    "--out", type=click.Path(dir_okay=False, path_type=Path), help="Default: proof-<id>.json; - for the screen."
)
@click.pass_obj
def proof(settings: _Lazy, decision: str, out: Path | None) -> None:
    """Write the proof of one decision to a file."""
    from services.requests.ledger.proof import build_proof  # noqa: PLC0415
    from shared.composition import build_tools  # noqa: PLC0415

    chosen = settings()
    tools = build_tools(chosen, "requests")
    with tools.database.reading() as session:
        content = json.dumps(build_proof(session, tools, decision, chosen.clock()), indent=1)
    if str(out) == "-":
        click.echo(content)
        return
    path = out or Path(f"proof-{decision}.json")
    path.write_text(f"{content}\n", encoding="utf-8")
    click.echo(f"{path}: check it with `discreet verify-proof {path}`")


@main.command("verify-proof")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--root", help="The fingerprint of the clinic's root key, learnt from the clinic by another way.")
def verify_proof(file: Path, root: str | None) -> None:
    """Check a proof from its file alone; ends with 1 when an answer is missing, with 2 when it does not hold.

    An answer that two people closed without confirmation is not missing: it is shown, with their names and why.
    """
    from services.tables import print_verdict  # noqa: PLC0415
    from shared.propagation.proof import verify  # noqa: PLC0415

    verdict = verify(file.read_bytes(), root)
    print_verdict(verdict)
    sys.exit(0 if verdict.complete else 1)


@main.command()
@click.pass_obj
def demo(settings: _Lazy) -> None:
    """Play the main scenario against the running trial system; ends with 2 if a receipt is missing or wrong."""
    from services.demo import story  # noqa: PLC0415

    story.tell(settings())


@main.group()
def parked() -> None:
    """What was set aside and waits for a person."""


@parked.command("list")
@click.option("--service", type=SERVICE)
@click.pass_obj
def parked_list(settings: _Lazy, service: str | None) -> None:
    """List every row that was set aside."""
    from services.tables import print_rows  # noqa: PLC0415
    from shared.database import Database  # noqa: PLC0415
    from shared.messaging.parked import parked as find  # noqa: PLC0415

    rows = []
    for name in [service] if service else SERVICES:
        with Database(settings().database_url(name)).reading() as session:
            rows += [
                (name, row.place, str(row.number), row.about, row.problem or "", str(row.attempts))
                for row in find(session)
            ]
    print_rows(("service", "where", "number", "about", "problem", "tries"), rows)


@parked.command("show")
@click.argument("service", type=SERVICE)
@click.argument("place")
@click.argument("number", type=int)
@click.pass_obj
def parked_show(settings: _Lazy, service: str, place: str, number: int) -> None:
    """Show one row, without what is sealed in it."""
    from shared.database import Database  # noqa: PLC0415
    from shared.messaging.parked import show  # noqa: PLC0415

    with Database(settings().database_url(service)).reading() as session:
        click.echo(json.dumps(show(session, place, number), indent=2, default=str))


@parked.command("retry")
@click.argument("service", type=SERVICE)
@click.argument("place")
@click.argument("number", type=int)
@click.pass_obj
def parked_retry(settings: _Lazy, service: str, place: str, number: int) -> None:
    """Have one row tried again."""
    from shared.database import Database  # noqa: PLC0415
    from shared.messaging.parked import retry  # noqa: PLC0415

    chosen = settings()
    with Database(chosen.database_url(service)).transaction() as session:
        retry(session, place, number, chosen.clock())
    click.echo("It is tried again.")


if __name__ == "__main__":
    main()
