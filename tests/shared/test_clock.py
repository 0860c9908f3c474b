"""Time as an argument: aware, in UTC, and as text that sorts."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest

from shared.clock import file_clock, parse_utc, system_clock, utc_text
from shared.errors import ConfigurationError

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def test_text_is_of_one_width_and_sorts_as_time() -> None:
    """Whole seconds get their microseconds too; other zones are brought to UTC."""
    amsterdam = timezone(timedelta(hours=1))
    after = [NOON + timedelta(microseconds=5), datetime(2026, 3, 1, 13, 1, tzinfo=amsterdam)]
    moments = [datetime(999, 1, 1, tzinfo=UTC), NOON, *after]
    written = [utc_text(moment) for moment in moments]
    assert written == sorted(written)
    assert written[3] == "2026-03-01T12:01:00.000000Z"
    assert [parse_utc(text) for text in written] == moments


@pytest.mark.parametrize("text", ["2026-03-01T12:00:00", "2026-03-01", "noon", ""])
def test_text_without_a_zone_is_no_time(text: str) -> None:
    """Nobody knows which moment it means."""
    with pytest.raises(ValueError, match=r"a time without a zone|Invalid isoformat"):
        parse_utc(text)


def test_a_naive_datetime_is_not_written() -> None:
    """The same, the other way."""
    with pytest.raises(ValueError, match="without a zone"):
        utc_text(NOON.replace(tzinfo=None))


def test_a_clock_file_stands_for_now_and_may_change_while_we_run(tmp_path: Path) -> None:
    """A trial of terms moves the file on; taken away, the machine's time counts again."""
    file = tmp_path / "now"
    clock = file_clock(file)
    assert abs(clock() - system_clock()) < timedelta(minutes=1)
    file.write_text("2030-01-01T00:00:00+01:00\n")
    assert clock() == datetime(2029, 12, 31, 23, tzinfo=UTC)
    file.write_text("2031-01-01T00:00:00Z")
    assert clock() == datetime(2031, 1, 1, tzinfo=UTC)


def test_a_clock_file_with_something_else_in_it_is_named(tmp_path: Path) -> None:
    """Whoever set it up is told which file is wrong."""
    file = tmp_path / "now"
    file.write_text("tomorrow")
    with pytest.raises(ConfigurationError, match="now does not hold"):
        file_clock(file)()
