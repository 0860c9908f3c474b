"""Telephone numbers come out as E.164, or not at all."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.errors import InvalidInputError
from shared.identity import normalise_phone


@pytest.mark.parametrize(
    ("typed", "normal"),
    [
        ("0612345678", "+31612345678"),
        ("06 - 12 34 56 78", "+31612345678"),
        ("+31 (0)6 12345678", "+31612345678"),
        ("0031 6 1234 5678", "+31612345678"),
        ("06\u00a01234\u20095678", "+31612345678"),
        ("\uff10\uff16\uff11\uff12\uff13\uff14\uff15\uff16\uff17\uff18", "+31612345678"),
        ("(020) 123 45 67", "+31201234567"),
        ("+32 470 12 34 56", "+32470123456"),
        ("+39 06 1234567", "+39061234567"),
    ],
)
def test_a_number_comes_out_as_e164(typed: str, normal: str) -> None:
    """However it was typed, it is one number, and without a country code it is Dutch."""
    assert normalise_phone(typed) == normal


def test_the_region_decides_about_a_number_without_a_country_code() -> None:
    """A clinic elsewhere has another default."""
    assert normalise_phone("0470 12 34 56", "BE") == "+32470123456"


@pytest.mark.parametrize(
    "typed",
    ["", "112", "06", "bel 0612345678", "0612345678\x00", "0800-BLOEMEN", "+", "06/12345678/0687654321", "0" * 500],
)
def test_what_is_no_number_is_refused_without_being_repeated(typed: str) -> None:
    """The error names the field, and neither it nor its cause holds what was typed."""
    with pytest.raises(InvalidInputError) as caught:
        normalise_phone(typed, field="mobile")
    assert caught.value.fields == {"mobile": ["This is not a telephone number."]}
    assert caught.value.__context__ is None


@given(st.text(alphabet="0123456789+ ()-./", max_size=24))
def test_normalising_twice_changes_nothing(typed: str) -> None:
    """A reference made over a stored number equals the one made over the typed number."""
    try:
        once = normalise_phone(typed)
    except InvalidInputError:
        return
    assert normalise_phone(once) == once
