"""Importing a file of subscribers: a batch a transaction, so that it can be cut off anywhere and run again."""

from __future__ import annotations

import logging
from collections import Counter
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING

from services.newsletter import programmes, records
from services.newsletter.actions.importing import Candidate, Programme, Refusals, take_in
from services.newsletter.csv_files import Wrong, opened
from services.newsletter.listing import listed
from services.newsletter.records import short_ref
from shared.errors import InvalidInputError
from shared.identity import normalise_email

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    from services.newsletter.csv_files import Imported
    from shared.service import Tools

BATCH = 500  # subscribers a transaction: a sign-up that comes meanwhile waits no longer than for one
MOST_TOLD = 1000
_log = logging.getLogger(__name__)


@dataclass(slots=True)
class Report:
    """What became of how many, and the lines that were wrong, as far as anybody can read them."""

    results: Counter[str] = field(default_factory=Counter)
    wrong: list[Wrong] = field(default_factory=list)

    def note_wrong(self, wrong: Wrong) -> None:
        """Count a line, and keep it as long as there is room."""
        self.results["wrong"] += 1
        if len(self.wrong) < MOST_TOLD:
            self.wrong.append(wrong)


def import_file(
    tools: Tools,
    path: Path,
    report: Report,
    *,
    listing: Callable[[int], None],
    reading: Callable[[int], None],
) -> None:
    """Import a file, filling ``report``; ``listing`` and ``reading`` hear how many members and bytes were read.

    The programme's list is read first: who left there is not taken in, and who is there is not given again.
    Raises InvalidInputError for a file without the columns, OutsideError when the list cannot be read; nothing was
    changed then.
    """
    with opened(path) as file:
        tools.database.expect_much()
        tools.key_database.expect_much()
        programme = _programme(tools, listing)
        refusals, now = Refusals(), tools.clock()
        rows = _candidates(tools, file.rows(now), report)
        while batch := list(islice(rows, BATCH)):
            with tools.database.transaction() as session:
                results = take_in(session, tools, batch, programme, refusals, now=now)
                for result, number in results.items():
                    records.count_up(session, f"import.{result}", now, number)
            report.results += results
            reading(file.place)
        reading(file.place)
    _log.info("subscribers were imported", extra={"fields": dict(report.results)})


def _programme(tools: Tools, listing: Callable[[int], None]) -> Programme:
    programme = programmes.active(tools.register)
    if programme is None:
        return Programme()
    found = listed(programmes.provider_of(programme), tools.refs, progress=listing)
    return Programme(programme.id, found.there, found.left)


def _candidates(tools: Tools, rows: Iterable[Imported | Wrong], report: Report) -> Iterator[Candidate]:
    """Yield each person once: of several lines about one address the first counts."""
    seen: set[int] = set()
    for row in rows:
        if isinstance(row, Wrong):
            report.note_wrong(row)
            continue
        try:
            email = normalise_email(row.email)
        except InvalidInputError:
            report.note_wrong(Wrong(row.line, ("email",)))
            continue
        refs = tools.refs.emails(email)
        short = short_ref(refs[0])
        if short in seen:
            report.results["repeated"] += 1
            continue
        seen.add(short)
        yield Candidate(row, email, refs)
