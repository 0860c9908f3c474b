"""The list of promises says nothing that cannot be looked up: every promise once, every test and path there."""

from __future__ import annotations

import ast
import re
from collections import Counter
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "promises.md"
STATES = {"kept", "in part", "not yet"}
QUOTED = re.compile(r"`([^`]+)`")


@dataclass(frozen=True)
class Row:
    """One line of the page."""

    number: int
    promise: str
    state: str
    paths: list[str]
    tests: list[str]


def rows() -> list[Row]:
    """Read every line that begins with a number of a promise."""
    found = []
    for line in PAGE.read_text(encoding="utf-8").splitlines():
        if match := re.match(r"\| P(\d+) \|", line):
            _, _, promise, state, paths, tests, _ = (cell.strip() for cell in line.split("|"))
            found.append(Row(int(match[1]), promise, state, QUOTED.findall(paths), QUOTED.findall(tests)))
    return found


@cache
def functions(path: str) -> frozenset[str]:
    """Return the names of the tests of a module, as pytest names them."""
    tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
    classes = [node for node in tree.body if isinstance(node, ast.ClassDef)]
    inner = {f"{each.name}::{node.name}" for each in classes for node in each.body if isinstance(node, ast.FunctionDef)}
    return frozenset(inner | {node.name for node in tree.body if isinstance(node, ast.FunctionDef)})


def test_every_promise_is_there_once() -> None:
    """P1 to P102, in order."""
    assert [row.number for row in rows()] == list(range(1, 103))


@pytest.mark.parametrize("row", rows(), ids=lambda row: f"P{row.number}")
def test_a_promise_has_a_state_and_whatever_is_kept_is_shown(row: Row) -> None:
    """What is kept in part says what is missing; where and by which test can be looked up."""
    state, _, missing = row.state.partition(":")
    assert state in STATES
    assert bool(row.paths) == bool(row.tests) == (state != "not yet")
    assert missing or state != "in part"
    assert row.promise
    for path in row.paths:
        assert list(ROOT.glob(path)), path


@pytest.mark.parametrize("row", rows(), ids=lambda row: f"P{row.number}")
def test_every_test_that_is_named_exists(row: Row) -> None:
    """By its module and its name."""
    for each in row.tests:
        path, _, name = each.partition("::")
        assert name.rpartition("::")[2].startswith("test_"), each
        assert name in functions(path), each


def test_the_readme_counts_what_the_page_says() -> None:
    """Whoever reads no further than the first page is told the same."""
    counted = Counter(row.state.partition(":")[0] for row in rows())
    said = f"Of 102 promises {counted['kept']} are kept, {counted['in part']} in part and {counted['not yet']} not yet"
    assert said in " ".join((ROOT / "README.md").read_text(encoding="utf-8").split())


def test_no_test_claims_a_promise_that_the_page_calls_not_yet() -> None:
    """A test with a promise's number in its name shows something of it, so the page has to say so."""
    open_ones = {row.number for row in rows() if row.state.startswith("not yet")}
    claimed = {}
    for path in (ROOT / "tests").rglob("test_*.py"):
        for name in functions(str(path.relative_to(ROOT))):
            for number in re.findall(r"_p(\d+)(?=_)", name):
                claimed.setdefault(int(number), f"{path.name}::{name}")
    assert {number: name for number, name in claimed.items() if number in open_ones or number > 102} == {}
