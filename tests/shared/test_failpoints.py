"""Failpoints: a closed list, each reached where it says, and nothing happens at one that nobody armed."""

from __future__ import annotations

import ast
from collections import Counter
from pathlib import Path

import pytest

from shared.failpoints import DIED, POINTS, arm, reach
from tests.kit.dying import ALIVE, live

ROOT = Path(__file__).parents[2]


def reached() -> Counter[str]:
    """The names of the points in the code, with how many places reach them."""
    names = []
    for folder in ("services", "shared"):
        for path in (ROOT / folder).rglob("*.py"):
            calls = (node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call))
            names += [
                ast.literal_eval(call.args[0])
                for call in calls
                if isinstance(call.func, ast.Name) and call.func.id == "reach"
            ]
    return Counter(names)


def test_every_point_is_reached_in_one_place_and_every_place_has_its_point() -> None:
    """What the list says a crash leaves behind is true of one place only."""
    assert reached() == Counter(list(POINTS))


def test_nothing_but_a_test_arms_one() -> None:
    """The product has no switch that ends it."""
    users = [
        path
        for folder in ("services", "shared")
        for path in (ROOT / folder).rglob("*.py")
        if "failpoints" in path.read_text() and "import reach\n" not in path.read_text()
    ]
    assert users == [], "it imports nothing of this but `reach`"


def test_a_process_ends_at_the_hit_it_was_told_without_a_farewell(tmp_path: Path) -> None:
    """As `kill -9` would have it: what would be done on the way out is not done."""
    written = tmp_path / "written"

    def work() -> None:
        try:
            for number in range(5):
                reach("outbox.written")
                reach("inbox.stored")
                written.write_text(str(number))
        finally:
            written.write_text("a farewell")

    assert live(work, "outbox.written", 3) == DIED
    assert written.read_text() == "1"
    assert live(work, "outbox.written", 6) == ALIVE
    assert written.read_text() == "a farewell"


def test_what_is_not_on_the_list_cannot_be_armed() -> None:
    """A test with a name that was changed fails, and does not pass by chance."""
    with pytest.raises(ValueError, match=r"no point outbox\.gone"):
        arm("outbox.gone")
