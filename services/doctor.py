"""``discreet doctor``: looks an installation over and says in words what deserves attention.

A check is a function from the settings to what it has to say; CHECKS lists those of the installation, SERVICE_CHECKS
those of one service. None of them ever makes the command fail: what must not be, stops the start
(``services.prepare``).
"""

from __future__ import annotations

from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING

import click
import sqlalchemy as sa

from services.backups import databases
from services.backups.taking import TERMS, last_taken
from services.findings import look, well
from services.intake import hosts
from services.mail_domain import mail_domain
from services.mail_server import mail_server
from services.newsletter import comparisons, programmes
from shared.clock import parse_utc, utc_text
from shared.composition import register_of
from shared.database import Database, sqlite_module
from shared.deadlines import local_date
from shared.errors import ConfigurationError, OutsideError
from shared.mail.looking import IMAP
from shared.mail.mailbox import Mailbox
from shared.policy import Policy
from shared.restore.lives import key_mark, lives_of
from shared.restore.marks import MarkFile
from shared.restore.noticing import what_was_put_back
from shared.settings import SERVICES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from datetime import datetime

    from sqlalchemy.orm import Session

    from services.findings import Check, Finding, ServiceCheck
    from shared.propagation.register import Processor
    from shared.settings import Settings

SAFE_SQLITE = (3, 51, 3)
"""Before it, a reset of the write-ahead log could lose a page when two connections wrote at once."""
DATA_EVERY = timedelta(days=1)


def examine(settings: Settings, services: Sequence[str] = SERVICES) -> Iterator[Finding]:
    """Yield what every check has to say, of the installation and of these services."""
    for check in CHECKS:
        yield from _said(check.__name__, check(settings))
    for service in services:
        for service_check in SERVICE_CHECKS:
            yield from _said(f"{service}: {service_check.__name__}", service_check(settings, service))


def _said(about: str, findings: Iterator[Finding]) -> Iterator[Finding]:
    try:
        yield from findings
    except (ConfigurationError, sa.exc.SQLAlchemyError, OSError) as error:
        yield look(f"{about.replace('_', ' ')} cannot be seen ({type(error).__name__})")


def sqlite_version(settings: Settings) -> Iterator[Finding]:
    """Say whether SQLite has the fault."""
    if settings.database_url_template is not None:
        return
    yield about_sqlite(sqlite_module().sqlite_version_info)


def about_sqlite(version: tuple[int, ...]) -> Finding:
    """Say whether this version of SQLite has the fault."""
    text = ".".join(str(part) for part in version)
    if version >= SAFE_SQLITE:
        return well(f"SQLite {text}")
    return look(f"SQLite {text} can lose a page when two processes write at once: 3.51.3 cannot.")


def backups(settings: Settings) -> Iterator[Finding]:
    """Say how old the last backups are: keys at least as often as data, and neither older than its term."""
    said, policy = last_taken(settings), Policy.load(settings.policy)
    if said or databases.can_copy(settings):
        yield from _taken(said, settings.clock())
    else:
        yield look("Backups are not made from here: see to it that PostgreSQL's own programs make them every day.")
    kept = {kind: _text(policy, term) for kind, term in TERMS.items()}
    yield well("Kept for, by the policy: " + ", ".join(f"{kind} {period}" for kind, period in kept.items()))


def _taken(said: Mapping[str, str], now: datetime) -> Iterator[Finding]:
    for kind in TERMS:
        if kind not in said:
            yield look(f"There is no backup of {kind} from this home: `discreet backup --out DIRECTORY`.")
            continue
        made = parse_utc(said[kind])
        if now - made > DATA_EVERY:
            yield look(f"The last backup of {kind} is of {utc_text(made)}: make one every day.")
        else:
            yield well(f"Last backup of {kind}: {utc_text(made)}")
    if {"data", "keys"} <= said.keys() and said["keys"] < said["data"]:
        yield look("Keys were backed up before the data: records made in between could not be read again.")


def _text(policy: Policy, term: str) -> str:
    period = policy.terms[term].period
    return period.text if period else "-"


def websites(settings: Settings) -> Iterator[Finding]:
    """Say which websites are a way round what others demand of a form: a program says of itself what it likes."""
    sites = Policy.load(settings.policy).sites.values()
    for what, spared in (
        ("A form token", [site.id for site in sites if not site.needs_token]),
        ("Proof of work", [site.id for site in sites if not site.proof_of_work]),
    ):
        if 0 < len(spared) < len(sites):
            yield look(f"{what} is not asked on every website: a robot that says it is on {spared[0]} does without.")


def marks(settings: Settings, service: str) -> Iterator[Finding]:
    """Say whether a service was put back from a backup, and how far that is."""
    yield _restored(settings, service)


def _restored(settings: Settings, service: str) -> Finding:
    file = MarkFile(settings.journal, service).read()
    with _reading(settings.database_url(service)) as session:
        lives = lives_of(session)
    with _reading(settings.key_database_url(service)) as session:
        keys = key_mark(session)
    if lives is None:
        return look(f"{service}: its database has not begun; `discreet migrate` does.")
    if what_was_put_back(file, lives.all, keys[0] if keys else None):
        return look(f"{service}: a backup was put back; the worker has yet to see it.")
    if lives.current.is_catching_up:
        without = ", ".join(lives.report.get("without", ())) or "nobody"
        return look(f"{service}: a backup is being put right, without what is known of {without}.")
    if file is None:
        return look(f"{service}: no mark yet; its worker writes one as soon as it runs.")
    if lives.current.put_back is None:
        return well(f"{service}: never put back from a backup")
    told = ", ".join(f"{name} {number}" for name, number in lives.report.items() if name in TOLD)
    return well(f"{service}: put back and put right at {utc_text(lives.row['caught_up_at'])}: {told}")


def forwarded_forms(settings: Settings, service: str) -> Iterator[Finding]:
    """Say what mailing the whole text of contact forms leads to, where the policy chose that."""
    if service != "intake" or Policy.load(settings.policy).choices.forwarded_forms != "full-text":
        return
    yield look(
        "Contact forms are mailed with all that was written (forwarded_forms). That can be about health, and mail "
        "with health data needs more than encryption on its way (NTA 7516). Each mail is a copy to be erased there."
    )
    through = hosts.mail_hosts(register_of(settings, ""))
    if not hosts.may_get_the_text(through, local_date(settings.clock())):
        yield look("No mail host may get them now, by the register: until then the mails have the number and a link.")


def mailboxes(settings: Settings, service: str) -> Iterator[Finding]:
    """Say of each mailbox that a service faces whether it opens: otherwise the first erasure finds out."""
    for named in register_of(settings, ""):
        if (named.owner, named.adapter, named.status) == (service, IMAP, "active"):
            yield _mailbox(settings, named)


def _mailbox(settings: Settings, named: Processor) -> Finding:
    try:
        processor = register_of(settings, named.owner).get(named.id)
        with Mailbox.of(processor).opened() as folders:
            number = folders.look([]).folders
    except (ConfigurationError, OutsideError) as error:
        return look(f"{named.id}: its mailbox cannot be opened. {error.detail}")
    return well(f"{named.id}: its mailbox opens, and has {number} folders")


def seed_mailboxes(settings: Settings, service: str) -> Iterator[Finding]:
    """Say whether the mailbox opens in which copies of editions are looked at, where the newsletter's secrets are."""
    if service != "newsletter":
        return
    for processor in register_of(settings, service).of_owner(service):
        if processor.status == "active":
            yield from _seed(processor)


def _seed(processor: Processor) -> Iterator[Finding]:
    try:
        mailbox = programmes.seed_of(processor)
        if mailbox is None:
            return
        with mailbox.opened() as folders:
            number = folders.look([]).folders
    except (ConfigurationError, OutsideError) as error:
        yield look(f"{processor.id}: its seed mailbox cannot be opened. {error.detail}")
    else:
        yield well(f"{processor.id}: its seed mailbox opens, and has {number} folders")
        if not programmes.vouching_of(processor).authserv_id:
            yield look(f"{processor.id}: without seed_authserv_id nothing shows that a copy there is the programme's.")


def newsletter_list(settings: Settings, service: str) -> Iterator[Finding]:
    """Say when the list at the newsletter programme was last compared with ours, and what differed."""
    if service != "newsletter":
        return
    with _reading(settings.database_url("newsletter")) as session:
        last = comparisons.last(session, ended=True)
    if last is None:
        return  # there is no programme, or the first day is not over
    told = ", ".join(f"{what} {number}" for what, number in sorted(last["found"].items())) or "no difference"
    text = f"newsletter: compared with the list at {last['processor']} at {utc_text(last['began_at'])}: {told}"
    late = settings.clock() - last["began_at"] > 2 * DATA_EVERY
    yield look(text) if late or last["found"].get("unknown-here") else well(text)


@contextmanager
def _reading(url: str) -> Iterator[Session]:
    database = Database(url)
    try:
        if database.file is not None and not database.file.exists():
            raise ConfigurationError(f"{database.file} is not there.")
        with database.reading() as session:
            yield session
    finally:
        database.close()


TOLD = ("taken", "settled", "keys_destroyed", "unreadable")
CHECKS: Sequence[Check] = (sqlite_version, backups, mail_server, mail_domain, websites)
SERVICE_CHECKS: Sequence[ServiceCheck] = (marks, forwarded_forms, mailboxes, seed_mailboxes, newsletter_list)


@click.command()
@click.option("--service", "services", type=click.Choice(SERVICES), multiple=True, help="Only this; may be repeated.")
@click.pass_obj
def doctor(settings: Callable[[], Settings], services: tuple[str, ...]) -> None:
    """Look the installation over; what deserves attention is said, and never makes this fail."""
    findings = list(examine(settings(), services or SERVICES))
    for finding in findings:
        click.echo(f"{'well' if finding.well else 'LOOK'}  {finding.text}")
    click.echo(f"{sum(not finding.well for finding in findings)} to look at")
