"""Reading subscribers from a CSV file, line by line, with the proof of consent of each; nothing is kept of a line."""

from __future__ import annotations

import csv
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from io import TextIOWrapper
from typing import TYPE_CHECKING

from marshmallow import ValidationError

from services.newsletter.schemas import ImportedSchema
from shared.errors import InvalidInputError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from io import BufferedReader
    from pathlib import Path
    from typing import Any

    from shared.wording import Language

PERSON = ("email", "first_name", "language")
PROOF = ("confirmed_at", "source", "consent_text", "privacy_version")
"""Without these a row shows nobody's consent (P21): when, by which way, to which words, under which statement."""
COLUMNS = (*PERSON, *PROOF)
SEPARATORS = (",", ";")
"""A spreadsheet that is set to Dutch writes the second."""
ALIKE = ("language", "source", "consent_text", "privacy_version")
OWN, THE_SAME = ImportedSchema(exclude=ALIKE), ImportedSchema(only=ALIKE)
NOT_UTF_8 = "letters that are not UTF-8: save the file as CSV UTF-8"
"""What an older spreadsheet writes; without this each column with an accent in it would be named as wrong."""
EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Imported:
    """One subscriber of a file, and how they consented elsewhere."""

    line: int
    email: str = field(repr=False)
    first_name: str = field(repr=False)
    language: Language
    confirmed_at: datetime
    source: str = field(repr=False)
    consent_text: str = field(repr=False)
    privacy_version: str


@dataclass(frozen=True, slots=True)
class Wrong:
    """A line that cannot be taken in, and the columns that are wrong in it; never what stood there."""

    line: int
    columns: tuple[str, ...]


class SubscriberFile:
    """An open file whose header was found right; ``place`` is how many bytes were read of it."""

    def __init__(self, octets: BufferedReader) -> None:
        """Read the header. Raises InvalidInputError, which never repeats it: it may be a first person."""
        self._octets = octets
        self._text = TextIOWrapper(octets, encoding="utf-8-sig", errors="surrogateescape", newline="")
        first = self._text.readline()
        self._separator = max(SEPARATORS, key=first.count)
        self._columns = [name.strip().lower() for name in next(csv.reader([first], delimiter=self._separator), [])]
        missing = [name for name in COLUMNS if name not in self._columns]
        if missing:
            raise InvalidInputError({}, f"The file lacks columns: {', '.join(missing)}. Nothing was changed.")
        if len(self._columns) > len(COLUMNS):
            more = len(self._columns) - len(COLUMNS)
            raise InvalidInputError({}, f"The file has {more} more columns than are asked for. Nothing was changed.")

    @property
    def place(self) -> int:
        """How many bytes were read."""
        return self._octets.tell()

    def rows(self, now: datetime) -> Iterator[Imported | Wrong]:
        """Yield every row that has something in it, with the line it begins on."""
        reader = csv.reader(self._text, delimiter=self._separator, strict=True)
        while True:
            line = reader.line_num + 2  # the header is the first; and a value may have a line end in it
            try:
                values = next(reader, None)
            except csv.Error:  # a quote that is not closed takes lines along
                yield Wrong(line, (f"not CSV up to line {reader.line_num + 1}",))
                continue
            if values is None:
                return
            if values:
                yield self._row(line, values, now)

    def _row(self, line: int, values: list[str], now: datetime) -> Imported | Wrong:
        if len(values) != len(self._columns):
            return Wrong(line, ("the number of columns",))
        if not _is_utf_8("".join(values)):
            return Wrong(line, (NOT_UTF_8,))
        row = dict(zip(self._columns, values, strict=True))
        alike, wrong = _alike(*(row[name] for name in ALIKE))
        try:
            own = OWN.load({name: row[name] for name in OWN.fields})
        except ValidationError as error:
            own, wrong = {}, (*wrong, *error.messages_dict)
        if wrong:
            return Wrong(line, tuple(sorted(wrong)))
        read = Imported(line=line, **own, **alike)
        return read if EARLIEST <= read.confirmed_at <= now else Wrong(line, ("confirmed_at",))


def _is_utf_8(text: str) -> bool:
    """Tell whether nothing in it stands for a byte that could not be read."""
    return text.isascii() or not any("\udc80" <= letter <= "\udcff" for letter in text)


@lru_cache(maxsize=100)
def _alike(*values: str) -> tuple[Mapping[str, Any], tuple[str, ...]]:
    """Return what is the same on most lines of a file, and which columns of it are wrong: looked at once."""
    try:
        return THE_SAME.load(dict(zip(ALIKE, values, strict=True))), ()
    except ValidationError as error:
        return {}, tuple(error.messages_dict)


@contextmanager
def opened(path: Path) -> Iterator[SubscriberFile]:
    """Open a file of subscribers. Raises InvalidInputError when it lacks a column, OSError."""
    with path.open("rb") as octets:
        yield SubscriberFile(octets)
