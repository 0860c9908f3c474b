"""Six weeks and eight: days decide, not hours, and the clocks' change neither."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from services.newsletter.editions import rules
from shared.deadlines import parse_period

SIX, EIGHT = parse_period("P42D"), parse_period("P56D")
FIRST = datetime(2026, 10, 1, 8, 0, tzinfo=UTC)  # 10:00 in Amsterdam, in summer time


@pytest.mark.parametrize(
    ("at", "close"),
    [
        (datetime(2026, 11, 11, 23, 30, tzinfo=UTC), False),  # the forty-second day has begun in Amsterdam
        (datetime(2026, 11, 11, 22, 30, tzinfo=UTC), True),
        (datetime(2026, 11, 12, 6, 0, tzinfo=UTC), False),  # earlier on its day than the first was
        (datetime(2026, 8, 20, 20, 0, tzinfo=UTC), False),  # six weeks before
        (datetime(2026, 8, 21, 6, 0, tzinfo=UTC), True),
        (FIRST, True),
    ],
)
def test_p22_day_forty_two_may_and_day_forty_one_may_not_on_either_side(at, close) -> None:
    """Counted in days of the clinic."""
    assert (rules.in_the_way(at, [FIRST], SIX) == FIRST) is close


def test_p22_on_day_fifty_six_the_next_is_due() -> None:
    """From the start of that day on."""
    assert not rules.is_overdue(FIRST, datetime(2026, 11, 25, 22, 59, tzinfo=UTC), EIGHT)
    assert rules.is_overdue(FIRST, datetime(2026, 11, 25, 23, 0, tzinfo=UTC), EIGHT)


def test_what_is_wrong_with_an_edition_is_all_said() -> None:
    """Too early, aimed at a part, and a copy that cannot be left by: none hides another."""
    assert rules.warnings_of("whole-list", "verified", FIRST, [], SIX) == []
    found = rules.warnings_of("part-of-list", "lacking", FIRST, [FIRST], SIX)
    assert found == ["too-early", "part-of-list", "seed-lacking"]
