"""The ``discreet`` command: what an administrator, a privacy officer and an auditor type."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

import click

from shared.errors import ConflictError, DiscreetError
from shared.settings import SERVICES, Settings

Read = Callable[[], Settings]
WORKERS = click.Choice([*SERVICES, "all"])
SERVICE = click.Choice(SERVICES)
FORMS_AT = ("intake", "newsletter")
"""The services to which forms of the clinic's websites come."""


class Commands(click.Group):
    """Says what is wrong in one line, without a traceback, and ends with 2."""

    def invoke(self, context: click.Context) -> Any:
        """Run a command."""
        try:
            return super().invoke(context)
        except Exception as error:
            if (problem := _problem(error)) is None:
                raise
            click.echo(f"discreet: {problem}", err=True)
            sys.exit(2)


def _problem(error: Exception) -> str | None:
    """Return in a line what went wrong outside this program, or None for a fault in it."""
    if isinstance(error, DiscreetError):
        return error.detail
    if isinstance(error, OSError):
        return f"{error.strerror or type(error).__name__}{f': {error.filename}' if error.filename else ''}"
    database = sys.modules.get("sqlalchemy.exc")  # loaded by whatever uses one
    if database is not None and isinstance(error, database.DBAPIError):
        return f"A database cannot be used ({type(error).__name__}). Is it there, and did `discreet migrate` run?"
    return None


class Later(click.Command):
    """A command that is loaded when it is used, so that the others and ``--help`` need not wait for it."""

    def __init__(self, name: str, place: str, about: str) -> None:
        super().__init__(name, help=about)
        self._module, _, self._attribute = place.partition(":")

    def make_context(self, *args: Any, **more: Any) -> click.Context:
        """Load the command, which takes over from here."""
        command: click.Command = getattr(import_module(self._module), self._attribute)
        return command.make_context(*args, **more)


@click.group(cls=Commands)
@click.pass_context
def main(context: click.Context) -> None:
    """Keep the promises of a clinic's privacy statement, and prove it."""
    # Read when a command first needs them: ``verify-proof`` needs none.
    context.obj = partial(Settings.from_environ, os.environ)


main.add_command(Later("account", "services.account_commands:account_commands", "Accounts of staff."))
main.add_command(Later("backup", "services.backups.commands:backup", "Back up data and keys."))
main.add_command(Later("restore", "services.backups.commands:restore", "Put a backup back."))
main.add_command(Later("doctor", "services.doctor:doctor", "Look the installation over."))
main.add_command(Later("key", "services.key_commands:key_commands", "The clinic's keys: make, split, rotate, revoke."))
main.add_command(Later("newsletter", "services.newsletter_commands:newsletter", "The newsletter programme."))
main.add_command(Later("website", "services.websites.commands:website", "The clinic's websites."))
main.add_command(
    Later("broker-definitions", "services.broker_commands:broker_definitions", "What RabbitMQ loads at its start.")
)


@main.command()
def up() -> None:
    """Run the whole system on this machine."""
    # The parent stays as long as the system: it is a process that loads next to nothing.
    os.execv(sys.executable, [sys.executable, "-m", "services.up"])  # noqa: S606 - our own command


@main.command()
@click.pass_obj
def prepare(settings: Read) -> None:
    """Make what a start needs. Directories and databases; in a trial also keys and accounts."""
    from services.prepare import prepare as prepare_home  # noqa: PLC0415

    prepare_home(settings())


@main.command()
@click.option("--new", "message", help="Write a revision instead (for developers).")
@click.option("--branch", default="shared", help="With --new: shared, keys, or a service.")
@click.option("--service", type=SERVICE, help="Only this service's databases.")
@click.pass_obj
def migrate(settings: Read, message: str | None, branch: str, service: str | None) -> None:
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
def worker(settings: Read, service: str) -> None:
    """Run the loops of a service, or of all of them."""
    from services import worker as loops  # noqa: PLC0415

    loops.run(settings(), service)


@main.command()
@click.option("--role", "roles", multiple=True, required=True, help="May be given several times.")
@click.option("--name", default="command", show_default=True, help="Who the token stands for.")
@click.pass_obj
def token(settings: Read, roles: tuple[str, ...], name: str) -> None:
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
def sweep(settings: Read, service: str | None) -> None:
    """Run the timed jobs now."""
    from services import registry  # noqa: PLC0415
    from shared.composition import build_tools  # noqa: PLC0415
    from shared.jobs import run_due  # noqa: PLC0415
    from shared.log import configure_logging  # noqa: PLC0415

    chosen = settings()
    configure_logging("WARNING")  # what fails is told without the values that were in it
    for name in [service] if service else SERVICES:
        tools = build_tools(chosen, name)
        if tools.marks.restoring():
            raise ConflictError(f"A backup of {name} is being put right: its jobs wait until /readyz is well again.")
        run_due(tools, registry.load(name).jobs, everything=True)


@main.command()
@click.argument("decision")
@click.option(
    "--out", type=click.Path(dir_okay=False, path_type=Path), help="Default: proof-<id>.json; - for the screen."
)
@click.pass_obj
def proof(settings: Read, decision: str, out: Path | None) -> None:
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
    """Check a proof from its file alone. Ends with 1 when an answer is missing, with 2 when it does not hold.

    An answer that two people closed without confirmation is not missing: it is shown, with their names and why.
    """
    from services.tables import print_verdict  # noqa: PLC0415
    from shared.propagation.proof import verify  # noqa: PLC0415

    verdict = verify(file.read_bytes(), root)
    print_verdict(verdict)
    sys.exit(0 if verdict.complete else 1)


@main.command()
def demo() -> None:
    """Play the story on the running trial. Ends with 2 if a receipt is missing or wrong."""
    from services.demo import story  # noqa: PLC0415

    # Of a trial unless it is said otherwise: in the second terminal nothing is set, since ./run sets it for itself.
    story.tell(Settings.from_environ({**os.environ, "DISCREET_MODE": os.environ.get("DISCREET_MODE") or "trial"}))


@main.command("form-attempts")
@click.option("--site", help="One of the sites in the policy; all of them without it.")
@click.option("--service", type=click.Choice(FORMS_AT), help="Both without it.")
@click.option("--limit", type=click.IntRange(1, 1000), default=50, show_default=True)
@click.pass_obj
def form_attempts(settings: Read, site: str | None, service: str | None, limit: int) -> None:
    """Show which forms of websites were refused or put aside lately, and why; never what was in them."""
    from services.tables import print_rows  # noqa: PLC0415
    from shared.clock import utc_text  # noqa: PLC0415
    from shared.database import Database  # noqa: PLC0415
    from shared.web.attempts import find  # noqa: PLC0415

    found = []
    for name in [service] if service else FORMS_AT:
        with Database(settings().database_url(name)).reading() as session:
            found += find(session, site, limit=limit)
    latest = sorted(found, key=lambda attempt: attempt.tried_at, reverse=True)[:limit]
    rows = [
        (utc_text(each.tried_at), each.site or "-", each.form, each.problem, ", ".join(each.names)) for each in latest
    ]
    print_rows(("when", "site", "form", "why", "fields or reasons"), rows)


@main.group()
def parked() -> None:
    """What was set aside and waits for a person."""


@parked.command("list")
@click.option("--service", type=SERVICE)
@click.pass_obj
def parked_list(settings: Read, service: str | None) -> None:
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
def parked_show(settings: Read, service: str, place: str, number: int) -> None:
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
def parked_retry(settings: Read, service: str, place: str, number: int) -> None:
    """Have one row tried again."""
    from shared.database import Database  # noqa: PLC0415
    from shared.messaging.parked import retry  # noqa: PLC0415

    chosen = settings()
    with Database(chosen.database_url(service)).transaction() as session:
        retry(session, place, number, chosen.clock())
    click.echo("It is tried again.")


if __name__ == "__main__":
    main(prog_name="discreet")  # in the image it is no installed script
