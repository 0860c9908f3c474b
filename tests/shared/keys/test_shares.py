"""Any two of three holders recover the root key; one alone, or a spoilt share, does not."""

from __future__ import annotations

from itertools import combinations

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.errors import IntegrityError
from shared.keys.shares import recover_root, split_root
from shared.signing import SigningKey, fingerprint_of

ROOT = SigningKey.generate()
SHARES = split_root(ROOT)


def words_of(share: str) -> list[str]:
    """Return a share's words."""
    return share.partition("words:")[2].split()


def with_words(share: str, words: list[str]) -> str:
    """Return the share with other words."""
    return share.partition("words:")[0] + "words: " + " ".join(words) + "\n"


@pytest.mark.parametrize("some", [*combinations(SHARES, 2), SHARES, SHARES[::-1]])
def test_any_two_of_three_give_the_key_back(some: tuple[str, ...]) -> None:
    """In any order, and all three as well."""
    assert recover_root(some).pem() == ROOT.pem()


@settings(max_examples=20, deadline=None)
@given(st.binary(min_size=32, max_size=32), st.integers(2, 4), st.integers(0, 2), st.data())
def test_every_key_comes_back_from_enough_shares(secret: bytes, threshold: int, more: int, data: st.DataObject) -> None:
    """Whatever the key, the number of holders and who of them is there."""
    root = SigningKey.of(Ed25519PrivateKey.from_private_bytes(secret))
    shares = split_root(root, threshold + more, threshold)
    there = data.draw(st.permutations(shares))[:threshold]
    assert recover_root(there, fingerprint_of(root.public_key)).key_id == root.key_id
    with pytest.raises(IntegrityError, match="not enough"):
        recover_root(there[1:], fingerprint_of(root.public_key))


def test_a_share_says_its_number_and_the_key_and_not_the_key_itself() -> None:
    """A holder can tell which of how many it is, and which key it belongs to."""
    for number, share in enumerate(SHARES, start=1):
        assert f"share {number} of 3" in share
        assert fingerprint_of(ROOT.public_key) in share
        assert ROOT.private_key.private_bytes_raw().hex() not in share
        assert len(words_of(share)) == 33


def test_one_share_is_not_enough() -> None:
    """Nor is the same one twice, nor none."""
    for some in ([SHARES[0]], [SHARES[0], SHARES[0]]):
        with pytest.raises(IntegrityError, match="not enough"):
            recover_root(some)
    with pytest.raises(IntegrityError):
        recover_root([])


@pytest.mark.parametrize("place", [0, 1, 2, 3, 4, 16, 32])
def test_a_wrong_word_is_found_out_and_the_share_is_named(place: int) -> None:
    """The message says which share to look at again, and repeats no word of it."""
    words = words_of(SHARES[1])
    words[place] = "academic" if words[place] != "academic" else "acid"
    with pytest.raises(IntegrityError, match="number 2 is spoilt") as caught:
        recover_root([SHARES[0], with_words(SHARES[1], words)])
    assert not {word for word in words if len(word) > 5} & set(str(caught.value).split())
    assert caught.value.__cause__ is None


@pytest.mark.parametrize("spoilt", ["", "words:", "words: one two three", "no share at all: 7", "é"])
def test_a_spoilt_share_is_no_harm_when_two_good_ones_are_there(spoilt: str) -> None:
    """Three holders come together, one of them with a torn paper."""
    assert recover_root([spoilt, SHARES[2], SHARES[0]]).key_id == ROOT.key_id
    with pytest.raises(IntegrityError, match="number 1 is spoilt"):
        recover_root([spoilt, SHARES[2]])


def test_shares_of_two_keys_do_not_mix() -> None:
    """Nor do shares of one key that was split twice."""
    with pytest.raises(IntegrityError, match="do not name one root key"):
        recover_root([SHARES[0], split_root(SigningKey.generate())[1]])
    with pytest.raises(IntegrityError, match="not enough"):
        recover_root([SHARES[0], split_root(ROOT)[1]])


def test_the_result_is_held_against_the_fingerprint() -> None:
    """Good shares of another key than the clinic's are refused, whatever is written on them."""
    with pytest.raises(IntegrityError, match="this fingerprint"):
        recover_root(SHARES, fingerprint_of(SigningKey.generate().public_key))
    other = SigningKey.generate()
    forged = [s.replace(fingerprint_of(ROOT.public_key), fingerprint_of(other.public_key)) for s in SHARES]
    with pytest.raises(IntegrityError, match="this fingerprint"):
        recover_root(forged)


def test_the_words_alone_are_enough_when_the_fingerprint_is_given() -> None:
    """Somebody typed them in again, in capitals and on other lines."""
    typed = ["\n".join(words_of(share)).upper() for share in SHARES[:2]]
    assert recover_root(typed, fingerprint_of(ROOT.public_key)).key_id == ROOT.key_id
    with pytest.raises(IntegrityError, match="give its fingerprint"):
        recover_root(typed)
