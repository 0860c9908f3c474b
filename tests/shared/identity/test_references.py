"""References say nothing by themselves, and one person's are always the same."""

from __future__ import annotations

import hashlib
import hmac

import pytest

from shared.errors import ConfigurationError, InvalidInputError
from shared.identity import References, is_ref

OLD, NEW = b"o" * 32, b"n" * 32


@pytest.fixture
def refs() -> References:
    """Make references under two live keys."""
    return References({"a1": OLD, "b2": NEW}, current="b2")


def test_a_reference_is_the_key_id_and_an_hmac_over_the_normal_address(refs: References) -> None:
    """The form is fixed: a reference made years ago must still be found."""
    expected = hmac.new(NEW, b"email:jan@xn--mnchen-3ya.example", hashlib.sha256).hexdigest()
    assert refs.email(" Jan@München.example ") == f"b2.{expected}"


def test_a_number_has_a_reference_of_its_own_kind(refs: References) -> None:
    """The prefix keeps an address and a number apart."""
    expected = hmac.new(NEW, b"tel:+31612345678", hashlib.sha256).hexdigest()
    assert refs.phone("06-12345678") == f"b2.{expected}"


def test_looking_up_goes_under_every_live_key_the_current_one_first(refs: References) -> None:
    """A record of before the last key is still found."""
    current, older = refs.emails("jan@example.nl")
    assert current == refs.email("JAN@example.nl")
    assert older == References({"a1": OLD}, current="a1").email("jan@example.nl")
    assert [ref.partition(".")[0] for ref in refs.phones("0612345678")] == ["b2", "a1"]


def test_what_is_no_address_has_no_reference(refs: References) -> None:
    """A reference is never made over something unchecked."""
    with pytest.raises(InvalidInputError):
        refs.emails("jan")


def test_the_keys_are_not_shown(refs: References) -> None:
    """A traceback or a log line with the object in it gives nothing away."""
    assert "ooo" not in repr(refs)
    assert "nnn" not in repr(refs)


@pytest.mark.parametrize(("keys", "current"), [({}, "a"), ({"a": OLD}, "b"), ({"a": b"short"}, "a")])
def test_keys_that_cannot_make_references_are_refused(keys: dict[str, bytes], current: str) -> None:
    """Better no start than references nobody can find."""
    with pytest.raises(ConfigurationError):
        References(keys, current=current)


def test_the_form_of_a_reference_can_be_checked(refs: References) -> None:
    """What comes in from outside as a reference is looked at before it is looked up."""
    assert is_ref(refs.email("jan@example.nl"))
    assert not is_ref("jan@example.nl")
    assert not is_ref(refs.email("jan@example.nl") + "\n")
