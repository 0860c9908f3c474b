"""A text in both languages is one text until somebody reads it."""

from __future__ import annotations

import pytest

from shared.wording import Both, is_one_line, text_in


def test_code_and_api_see_the_english() -> None:
    """English in code and API, whatever the reader's language."""
    assert Both("Gewist", "Erased") == "Erased"
    assert f"{Both('Gewist', 'Erased')}." == "Erased."


def test_a_page_reads_its_own_language() -> None:
    """Dutch is there when asked for; plain text is the same in both."""
    assert text_in("nl", Both("Gewist", "Erased")) == "Gewist"
    assert text_in("en", Both("Gewist", "Erased")) == "Erased"
    assert text_in("nl", "DKIM") == "DKIM"


def test_limits_are_filled_in_in_both() -> None:
    """A validator formats its message; the Dutch must not get lost."""
    filled = Both("Hoogstens {max} tekens.", "At most {max} characters.").format(max=5, input="x")
    assert filled == "At most 5 characters."
    assert text_in("nl", filled) == "Hoogstens 5 tekens."


@pytest.mark.parametrize(
    ("text", "is_it"),
    [
        ("Anna de Vries", True),
        ("ن\u200cگار", True),
        ("क्\u200dष", True),
        ("Anna\nVries", False),
        ("An\u202ena", False),
        ("A\0", False),
    ],
)
def test_a_name_with_joiners_is_on_one_line_and_one_with_hidden_turns_is_not(text: str, is_it: bool) -> None:
    """As Persian names are written; what turns the direction of reading around hides something."""
    assert is_one_line(text) is is_it
