"""The list of subscribers on the command line: brought along from another system, and held against the programme's."""

from __future__ import annotations

import sys
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from shared.service import Tools
    from shared.settings import Settings

IMPORTED = {
    "new": "subscribed",
    "already": "were subscribed already",
    "waiting": "have yet to answer our own confirmation mail",
    "left": "not taken in: they said no here",
    "erased": "not taken in: they were erased here",
    "left-there": "not taken in: they left at the programme",
    "repeated": "stood in the file before",
    "wrong": "lines are wrong",
}

FOUND = {
    "left-there": "left at the programme: ended here",
    "back-there": "left here and are mailed there: it is told again",
    "erased-here": "were erased here and are there: erased there again",
    "missing-there": "subscribed here and not there: given again",
    "unknown-here": "on the list there, and nobody confirmed it here: left as they are",
    "under-way": "have something under way there, or had a moment ago",
    "elsewhere": "were given to an earlier programme",
    "unanswered": "the programme does not answer about: see the log",
    "unreadable": "stand there under what is no address",
}
DRIFTS = ("left-there", "back-there", "erased-here", "missing-there")


@click.command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.pass_obj
def import_(settings: Callable[[], Settings], file: Path) -> None:
    """Take in the subscribers in FILE, a CSV with the proof of each one's consent.

    Whoever ever said no here, or at the programme, stays out. It may be cut off and run again. Ends with 1 when lines
    were wrong; their numbers are told, and nothing of what stands in them.
    """
    from services.newsletter.importing import MOST_TOLD, Report, import_file  # noqa: PLC0415

    report, on_list = Report(), 0

    def count(members: int) -> None:
        nonlocal on_list
        on_list += members

    click.echo("The programme's list is read first.")
    with newsletter_tools(settings()) as tools, click.progressbar(length=file.stat().st_size, label=file.name) as bar:
        import_file(tools, file, report, listing=count, reading=lambda place: bar.update(place - bar.pos))
    click.echo(f"{on_list:>8}  on the programme's list")
    _say_counts(report.results, IMPORTED)
    for wrong in report.wrong:
        click.echo(f"line {wrong.line}: {', '.join(wrong.columns)}", err=True)
    if report.results["wrong"] > MOST_TOLD:
        click.echo(f"and {report.results['wrong'] - MOST_TOLD} more lines.", err=True)
    sys.exit(1 if report.results["wrong"] else 0)


@click.command()
@click.option("--dry-run", is_flag=True, help="Only look, by what the list shows; change nothing.")
@click.pass_obj
def reconcile(settings: Callable[[], Settings], dry_run: bool) -> None:  # noqa: FBT001 - click's way
    """Compare the programme's list with ours and put right what differs: an opt-out always wins.

    A job does so every day; this does it now and shows how far it is. Ends with 1 when anything differed.
    """
    from services.newsletter import comparing, comparisons, programmes  # noqa: PLC0415
    from services.newsletter.listing import patiently  # noqa: PLC0415
    from shared.errors import NotFoundError  # noqa: PLC0415

    with newsletter_tools(settings()) as tools:
        programme = programmes.active(tools.register)
        if programme is None:
            raise NotFoundError("There is no newsletter programme in use on the register.")
        comparison = comparing.begin(tools, programme, comparisons.DRY if dry_run else comparisons.COMMAND)
        with tools.database.reading() as session:
            about = comparisons.count_subscribers(session)
        with click.progressbar(length=max(about, 1), label=programme.name) as bar:
            try:
                while (people := patiently(comparison.step)) is not None:
                    bar.update(people)
            except BaseException:
                comparison.give_up()
                raise
        found = comparison.found()
    _say_counts(found, FOUND)
    differs = any(found.get(each) for each in DRIFTS)
    click.echo("Nothing was changed." if dry_run else "Put right." if differs else "They agree.")
    sys.exit(1 if differs else 0)


@contextmanager
def newsletter_tools(settings: Settings) -> Iterator[Tools]:
    """Give what the newsletter works with. Raises ConflictError while a backup of it is put right."""
    from shared.composition import build_tools  # noqa: PLC0415
    from shared.errors import ConflictError  # noqa: PLC0415

    with closing(build_tools(settings, "newsletter")) as tools:
        if tools.marks.restoring():
            raise ConflictError("A backup of the newsletter is being put right: wait until /readyz is well again.")
        yield tools


def _say_counts(results: Mapping[str, int], words: Mapping[str, str]) -> None:
    for result, text in words.items():
        if results.get(result):
            click.echo(f"{results[result]:>8}  {text}")
