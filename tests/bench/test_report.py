"""Figures are written where they belong, and what people wrote stays."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.bench.measuring import Bar, Figure, in_turns, percentile
from tests.bench.report import BEGIN, END, FILE, write

ORDER = ("relay", "forms")


def lines(file: Path, row: str) -> list[str]:
    """Return the lines of a row."""
    return [line for line in file.read_text().splitlines() if line.startswith(f"| {row} ")]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A page that nothing was measured for yet."""
    path = tmp_path / "benchmarks.md"
    path.write_text(f"# By hand\n\n{BEGIN}\n{END}\n\n## What was tried\n\nMuch.\n")
    return path


def test_a_row_that_is_measured_again_replaces_only_itself(file: Path):
    """The other rows, and what people wrote before and after, are as they were."""
    write([Figure("forms", "on SQLite", [0.5]), Figure("forms", "on PostgreSQL", [0.6])], "all", ORDER, ["fast"], file)
    write([Figure("relay", "window", [0.7])], "relay", ORDER, ["slow"], file)
    write([Figure("relay", "window", [0.8])], "relay", ORDER, ["slow"], file)
    text = file.read_text()
    assert text.startswith("# By hand\n\n")
    assert text.endswith(f"{END}\n\n## What was tried\n\nMuch.\n")
    assert [len(lines(file, row)) for row in ORDER] == [1, 2]
    assert "0.800" in lines(file, "relay")[0]
    assert text.index("| relay |") < text.index("| forms |")
    assert "- slow" in text
    assert "- fast" not in text


def test_the_page_we_have_can_be_written():
    """Its two marks are there, once and in order."""
    text = FILE.read_text()
    assert (text.count(BEGIN), text.count(END)) == (1, 1)
    assert text.index(BEGIN) < text.index(END)


@pytest.mark.parametrize(
    ("bar", "value", "said"),
    [
        (Bar(2, 4), 4.0, "meets its aim"),
        (Bar(2, 4), 2.0, "meets its bar"),
        (Bar(2, 4), 1.0, "**misses**: 2.00 times as much is wanted"),
        (Bar(200, 50, at_most=True), 50, "meets its aim"),
        (Bar(200, 50, at_most=True), 60, "meets its bar"),
        (Bar(200, 50, at_most=True), 300, "**misses**: 1.50 times its bar"),
    ],
)
def test_a_bar_says_how_much_is_missing(bar: Bar, value: float, said: str):
    """Whichever way is better."""
    assert bar.verdict(value) == said


def test_both_sides_take_turns_and_the_first_round_does_not_count():
    """Whatever else the machine does then happens to both."""
    seen: list[str] = []
    turns = [lambda: seen.append("ours") or len(seen), lambda: seen.append("floor") or len(seen)]
    assert in_turns(turns, 2) == [(3, 4), (5, 6)]
    assert seen == ["ours", "floor"] * 3


def test_a_percentile_is_a_value_that_was_measured():
    """The share of values that do not exceed it is at least what was asked for."""
    values = [float(each) for each in range(1, 1001)]
    assert (percentile(values, 0.5), percentile(values, 0.999), percentile(values, 1)) == (500, 999, 1000)
