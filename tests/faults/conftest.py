"""How far the tests of faults go: as far as fits in a suite, or as far as somebody has the time for."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let a run be longer than the suite's, or be the same again.

    ``./test tests/faults/test_machine.py --examples 5000``, ``./test faults --minutes 30 --seed 7``.
    """
    parser.addoption("--minutes", type=float, default=None, help="how long to kill processes, in each set-up")
    parser.addoption("--seed", type=int, default=None, help="the order in which an earlier run killed")
    parser.addoption("--examples", type=int, default=None, help="how many lives of the machine to try, by chance")
