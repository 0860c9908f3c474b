"""The texts of the privacy statement: a file for each version and language, beside the policy."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from shared.wording import Language

FILE = re.compile(r"(?P<since>\d{4}-\d{2}-\d{2})\.(?P<language>nl|en)\.txt")


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """One text of one version, which is named by the day it applies from.

    ``summary`` tells a text that this system wrote itself from one that the clinic published.
    """

    since: date
    language: Language
    content: bytes
    summary: bool = False

    @property
    def version(self) -> str:
        """What forms and proofs of consent name it by."""
        return self.since.isoformat()

    @property
    def sha256(self) -> str:
        """The digest of exactly these bytes, in hex."""
        return hashlib.sha256(self.content).hexdigest()

    @property
    def text(self) -> str:
        """The text, without the mark that some editors put before it."""
        return self.content.decode("utf-8", "replace").removeprefix("\ufeff")


def read_statements(folder: Path, until: date) -> list[Statement]:
    """Return every text in the folder that applies from that day or an earlier one, the newest first.

    A later one is a draft: the clinic's policy does not name it yet.
    """
    found = [statement for statement in _read(folder) if statement.since <= until]
    return sorted(found, key=lambda each: (each.since, each.language), reverse=True)


def in_language(texts: Sequence[Statement], language: Language) -> Statement:
    """Return the text in this language or, where the clinic has none, in the other."""
    return next((each for each in texts if each.language == language), texts[0])


def _read(folder: Path) -> Iterator[Statement]:
    for path in folder.glob("*.txt"):
        name = FILE.fullmatch(path.name)
        since = _day(name["since"]) if name else None
        if name and since:
            yield Statement(since=since, language=cast("Language", name["language"]), content=path.read_bytes())


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None
