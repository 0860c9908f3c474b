"""The page about faults names tests that are there: no row without one, or a sentence that says why not."""

from __future__ import annotations

import re

import pytest

from tests.test_promises import ROOT, functions

PAGE = ROOT / "docs" / "reliability.md"
NAMED = re.compile(r"`(tests/[\w/]+(?:\.py)?)((?:::\w+)*)`")


@pytest.mark.parametrize(("path", "name"), sorted(set(NAMED.findall(PAGE.read_text(encoding="utf-8")))))
def test_what_is_named_is_there(path: str, name: str) -> None:
    """A file, a folder, or a test in it."""
    assert (ROOT / path).exists()
    if name:
        named = name.removeprefix("::")
        assert any(each == named or each.startswith(f"{named}::") for each in functions(path)), named


def test_every_row_names_a_test_or_says_why_there_is_none() -> None:
    """No row, no guarantee."""
    rows = [line for line in PAGE.read_text(encoding="utf-8").splitlines() if line.startswith("| ")]
    assert len(rows) > 30
    for row in rows:
        figures = row.startswith(("| run,", "| embedded,", "| distributed,"))
        assert figures or "`" in row or "none" in row or "no test" in row or row.startswith(("| guarantee", "| fault"))
