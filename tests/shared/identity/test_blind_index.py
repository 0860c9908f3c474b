"""A sealed record is found by any part of what it holds."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.identity import BlindIndex, is_match

INDEX = BlindIndex(b"k" * 32)
CLIENT = ("Renée van den Ørsted", "r.orsted+kliniek@example.nl", "+31612340578", "1980-02-14")


@pytest.mark.parametrize(
    "query",
    [
        "renee",
        "Renée",
        "ENE",
        "orsted",
        "van den",
        "rsted@exam",
        "kliniek",
        "0612340578",
        "06 12 34 05 78",
        "+31 (0)6 12340578",
        "0031 6-1234 0578",
        "0578",
        "14-02-1980",
        "14/2/1980",
        "14.02.1980",
        "1980-02-14",
        "1980",
        "renee 14-2-1980",
        "nl",
    ],
)
def test_a_client_is_found_by_any_part(query: str) -> None:
    """Names without their accents, numbers and dates as people write them."""
    assert INDEX.query_tokens(query) <= INDEX.tokens(*CLIENT)
    assert is_match(query, *CLIENT)


@pytest.mark.parametrize("query", ["jansen", "15-02-1980", "0612340579", "ren\u00e9es", "re", "14-02", "date"])
def test_another_client_is_not(query: str) -> None:
    """What is nowhere in the record does not find it."""
    assert not is_match(query, *CLIENT)
    assert not INDEX.query_tokens(query) <= INDEX.tokens(*CLIENT)


@pytest.mark.parametrize("query", ["", " ", "-", "\x00", "\ud800"])
def test_searching_for_nothing_asks_for_no_token(query: str) -> None:
    """The empty set is in every record's tokens, so the caller must see that nothing was asked."""
    assert INDEX.query_tokens(query) == set()
    assert not is_match(query, *CLIENT)


def test_tokens_alone_are_only_candidates() -> None:
    """Parts of different words together can look like one word: opening the record decides."""
    assert INDEX.query_tokens("abcde") <= INDEX.tokens("abcd bcde")
    assert not is_match("abcde", "abcd bcde")


def test_another_key_gives_other_tokens() -> None:
    """An index of before the last key says nothing about one of after."""
    assert not BlindIndex(b"m" * 32).tokens(*CLIENT) & INDEX.tokens(*CLIENT)
    assert BlindIndex(b"m" * 32).token("x") != INDEX.token("x")
    assert "kkk" not in repr(INDEX)


def test_a_token_says_neither_the_text_nor_its_length() -> None:
    """Each token is sixteen hexadecimal digits, whatever it stands for."""
    assert {len(token) for token in INDEX.tokens(*CLIENT) | {INDEX.token("een lange waarde")}} == {16}


@given(st.lists(st.text(max_size=40), min_size=1, max_size=3), st.text(max_size=20))
def test_whoever_matches_is_among_the_candidates(texts: list[str], query: str) -> None:
    """The index never hides a record that the opened text would confirm."""
    if is_match(query, *texts):
        assert INDEX.query_tokens(query) <= INDEX.tokens(*texts)


@given(st.text(alphabet="abcdeé", min_size=3, max_size=12), st.data())
def test_any_three_letters_in_a_row_find_a_name(name: str, data: st.DataObject) -> None:
    """Searching works from the third letter on."""
    start = data.draw(st.integers(0, len(name) - 3))
    part = name[start : data.draw(st.integers(start + 3, len(name)))]
    assert is_match(part, name)
    assert INDEX.query_tokens(part) <= INDEX.tokens(name)
