"""How far the tests of faults go: as far as fits in a suite, or as far as somebody has the time for."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let a run be longer than the suite's: ``./test tests/faults/test_machine.py --examples 5000``."""
    parser.addoption("--examples", type=int, default=None, help="how many lives of the machine to try, by chance")
