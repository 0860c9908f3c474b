"""Guessing passwords takes too long, and keeps nobody else out."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from services.console.rules import MOST_FOR_ONE_ACCOUNT, MOST_FROM_ONE_PLACE, MOST_IN_ALL, WINDOW
from services.console.sign_ins import SignIns
from shared.errors import TooManyRequestsError

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
HERE, ELSEWHERE = "192.0.2.1", "198.51.100.7"


@pytest.fixture
def sign_ins(tmp_path: Path) -> SignIns:
    """Return counts of which none was made."""
    return SignIns(tmp_path / "console", b"k" * 32)


def guess(sign_ins: SignIns, times: int, *, name: str = "anna", address: str | None = HERE) -> None:
    """Fail to sign in; without an address each time from another one."""
    for number in range(times):
        sign_ins.begin(name, address or f"203.0.{number // 250}.{number % 250}", NOW + timedelta(milliseconds=number))


def test_one_place_has_ten_guesses_in_a_quarter_of_an_hour(sign_ins):
    """The eleventh is not even looked at; it says how long to wait, and after that it may be made."""
    guess(sign_ins, MOST_FROM_ONE_PLACE)
    with pytest.raises(TooManyRequestsError) as caught:
        guess(sign_ins, 1)
    assert 0 < caught.value.retry_after <= WINDOW.total_seconds() + 1
    sign_ins.begin("anna", HERE, NOW + timedelta(seconds=caught.value.retry_after))


def test_waiting_attempts_do_not_lengthen_the_wait(sign_ins):
    """Somebody who keeps trying does not lock the account for ever."""
    guess(sign_ins, MOST_FROM_ONE_PLACE)
    for _ in range(30):
        with pytest.raises(TooManyRequestsError):
            guess(sign_ins, 1)
    sign_ins.begin("anna", HERE, NOW + WINDOW)


def test_a_guesser_in_one_place_keeps_nobody_out_elsewhere(sign_ins):
    """The owner of the account signs in from another address as if nothing happened."""
    guess(sign_ins, MOST_FROM_ONE_PLACE)
    sign_ins.begin("anna", ELSEWHERE, NOW)
    sign_ins.begin("bea", HERE, NOW)


def test_guessing_from_many_places_is_stopped_too(sign_ins):
    """By account, and over all accounts together."""
    guess(sign_ins, MOST_FOR_ONE_ACCOUNT, address=None)
    with pytest.raises(TooManyRequestsError):
        sign_ins.begin("anna", ELSEWHERE, NOW)
    for number in range(MOST_IN_ALL - MOST_FOR_ONE_ACCOUNT):
        sign_ins.begin(f"name-{number}", f"203.1.{number // 250}.{number % 250}", NOW)
    with pytest.raises(TooManyRequestsError):
        sign_ins.begin("bea", ELSEWHERE, NOW)


def test_no_attack_keeps_staff_out_of_a_place_where_they_signed_in(sign_ins):
    """The counts over many places do not hold where the account was signed in to lately."""
    sign_ins.begin("anna", ELSEWHERE, NOW - timedelta(days=1))
    sign_ins.succeed("anna", ELSEWHERE, NOW - timedelta(days=1))
    guess(sign_ins, MOST_FOR_ONE_ACCOUNT, address=None)
    sign_ins.begin("anna", ELSEWHERE, NOW)
    with pytest.raises(TooManyRequestsError):
        sign_ins.begin("anna", HERE, NOW)


def test_a_success_forgives_the_slips_before_it(sign_ins):
    """Nine slips, the right password, nine slips: no wait."""
    guess(sign_ins, MOST_FROM_ONE_PLACE - 1)
    sign_ins.begin("anna", HERE, NOW + timedelta(seconds=5))
    sign_ins.succeed("anna", HERE, NOW + timedelta(seconds=5))
    guess(sign_ins, MOST_FROM_ONE_PLACE)


def test_many_at_once_get_no_more_guesses(sign_ins):
    """An attempt is counted before it is checked."""
    refused = []

    def attempt(number: int) -> None:
        try:
            sign_ins.begin("anna", HERE, NOW + timedelta(milliseconds=number))
        except TooManyRequestsError:
            refused.append(number)

    threads = [threading.Thread(target=attempt, args=(number,)) for number in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(refused) == 20 - MOST_FROM_ONE_PLACE


def test_an_ipv6_visitor_is_one_place(sign_ins):
    """Whoever has one address there has a whole /64 of them."""
    for number in range(MOST_FROM_ONE_PLACE):
        sign_ins.begin("anna", f"2001:db8::{number:x}", NOW)
    with pytest.raises(TooManyRequestsError):
        sign_ins.begin("anna", "2001:db8::ffff", NOW)
    sign_ins.begin("anna", "2001:db8:0:1::1", NOW)


def test_p4_the_file_names_nobody(sign_ins, tmp_path):
    """Neither what was typed as a name, which may be a password, nor an address; and it forgets by itself."""
    sign_ins.begin("hunter2hunter2", HERE, NOW)
    sign_ins.end("a-session", NOW)
    path = tmp_path / "console" / "sign-ins.json"
    content = path.read_text()
    assert "hunter2" not in content
    assert HERE not in content
    sign_ins.end("another", NOW + timedelta(days=1))
    assert "a-session" not in path.read_text()
    assert '"failures":{}' in path.read_text()


def test_a_session_that_was_ended_stays_ended(sign_ins):
    """For every process that reads the file."""
    sign_ins.end("a-session", NOW)
    assert sign_ins.is_ended("a-session")
    assert not sign_ins.is_ended("another")


def test_a_damaged_file_stops_nobody(sign_ins, tmp_path):
    """Counts are not worth a console that does not start."""
    guess(sign_ins, 1)
    (tmp_path / "console" / "sign-ins.json").write_text("{")
    guess(sign_ins, 1)
