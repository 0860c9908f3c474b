"""What the console decides by itself, without a disk, a browser or a clock."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from services.console.rules import (
    LONGEST_IDLE,
    LONGEST_SESSION,
    WINDOW,
    check_account,
    check_password,
    is_over,
    may,
    wait_for,
    why_closed,
)
from shared.errors import InvalidInputError

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def test_p40_an_account_names_what_binds_its_owner_to_secrecy():
    """Nobody gets an account on the promise that the contract will follow."""
    with pytest.raises(InvalidInputError) as caught:
        check_account("anna", ["physician"], "contract", "  ")
    assert list(caught.value.fields) == ["secrecy"]
    check_account("anna", ["physician"], "contract", "2026-17")


@pytest.mark.parametrize("number", ["1234567890", "123456789012", "1234567890a", "12345 67890"])
def test_p41_a_professional_is_known_by_a_big_number(number):
    """It has eleven digits; anything else is a slip or a contract's name."""
    with pytest.raises(InvalidInputError):
        check_account("anna", ["physician"], "professional", number)
    check_account("anna", ["physician"], "professional", "12345678901")


@pytest.mark.parametrize("roles", [[], ["tool"], ["service"], ["physician", "owner"]])
def test_an_account_has_roles_of_staff_only(roles):
    """What speaks for a program is not signed by the console."""
    with pytest.raises(InvalidInputError):
        check_account("anna", roles, "contract", "2026-17")


@pytest.mark.parametrize("name", ["a", "Anna", "1anna", "anna bakker", "anna@clinic", "a" * 41, "anna\n"])
def test_a_name_is_short_and_plain(name):
    """It stands in decisions as who decided, for years."""
    with pytest.raises(InvalidInputError):
        check_account(name, ["physician"], "contract", "2026-17")


@pytest.mark.parametrize("password", ["elevenchars", "x" * 201, "aaaaaaaaaaaa", "anna-anna-ANNA-anna"])
def test_a_password_is_long_and_not_the_name(password):
    """Length counts; odd characters are nobody's business."""
    with pytest.raises(InvalidInputError):
        check_password("anna", password)
    check_password("anna", "correct horse battery")


def test_a_closed_account_and_an_ended_contract_say_why():
    """The contract's last day still counts."""
    last = date(2026, 11, 22)
    assert why_closed(None, None, last) is None
    assert why_closed(None, last, last) is None
    assert "secrecy" in str(why_closed(None, last, last + timedelta(days=1)))
    assert "closed" in str(why_closed(NOW, None, last))


def test_a_session_ends_by_age_and_by_rest():
    """Eight hours at most, half an hour unused."""
    just = timedelta(seconds=1)
    assert not is_over(NOW, NOW, NOW + LONGEST_IDLE - just)
    assert is_over(NOW, NOW, NOW + LONGEST_IDLE)
    late = NOW + LONGEST_SESSION
    assert not is_over(NOW, late - MINUTE, late - just)
    assert is_over(NOW, late - MINUTE, late)


def test_a_wait_ends_by_itself():
    """After enough failures the next attempt waits until the first of them is old; never longer than the window."""
    failures = [NOW + number * MINUTE for number in range(3)]
    assert wait_for(failures, 4, NOW + 3 * MINUTE) == timedelta()
    assert wait_for(failures, 3, NOW + 3 * MINUTE) == WINDOW - 3 * MINUTE
    assert wait_for(failures, 2, NOW + 3 * MINUTE) == WINDOW - 2 * MINUTE
    assert wait_for(failures, 3, NOW + WINDOW) == timedelta()


def test_the_fg_is_offered_nothing_to_do():
    """The data protection officer reads and advises, and decides nothing (AVG art. 38(6))."""
    assert may({"fg"}, "read-decisions")
    assert may({"fg"}, "read-requests")
    assert not any(may({"fg"}, what) for what in ("decide", "check-identity", "record-delivery"))
