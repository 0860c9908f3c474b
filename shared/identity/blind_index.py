"""A blind index: finding a sealed record by any part of a name, an address, a number or a date.

What it leaks. The tokens stand in the clear beside the record. Without the key they still show how long a
text is, which records share a part, and how often a part occurs; against a list of common names that can be
enough to recognise some of them. Whoever holds the key can test any guess. So tokens go when the record goes,
and the key is replaced by indexing again. Tokens find candidates: open them and ask ``is_match``.
"""

from __future__ import annotations

import hmac
import re
import unicodedata
from dataclasses import dataclass, field

GRAM = 3
TOKEN_OCTETS = 8
"""Enough that two parts of a hundred million differ; more would only fill the database."""

# Day first or year first, and not a piece of a longer number: 06-12-1980 is a date, 06-12-1980-55 is not.
_DATE = re.compile(
    r"(?<!\d)(?:((?:19|20)\d\d)-(\d{1,2})-(\d{1,2})|(\d{1,2})[-/. ](\d{1,2})[-/. ]((?:19|20)\d\d))(?![-/. ]?\d)"
)
_WORD = re.compile(r"[^\W_]+")
# Digits with nothing but spaces and signs between them are one number: 06 12 34 56 78, +31 (0)6-12345678.
_BETWEEN_DIGITS = re.compile(r"(?<=\d)[ ()./-]+(?=\d)")
# What stands before the subscriber's own number differs from writer to writer: 06, +31 6, +31 (0)6, 0031 6.
_BEFORE_NUMBER = re.compile(r"\b(?:00)?310(?=\d{9}\b)|\b0+(?=\d)")
_WHOLE = "="
"""Marks what is only found whole: a date, a word shorter than a gram."""
_NOT_IN_ASCII = str.maketrans({"ø": "o", "đ": "d", "ł": "l", "ð": "d", "þ": "th", "æ": "ae", "œ": "oe", "\u0131": "i"})


@dataclass(frozen=True, slots=True)
class BlindIndex:
    """Tokens under one key: what a text contains, and what a search for a part of it asks for."""

    key: bytes = field(repr=False)

    def token(self, value: str) -> str:
        """Return the token of a whole value, compared letter for letter: for exact look-ups."""
        return self._token(f"value {value}")

    def tokens(self, *texts: str) -> set[str]:
        """Return the tokens to store for a record with these texts: a name, an address, a number, a date."""
        return {self._token(gram) for text in texts for gram in _grams(_words_to_find(text))}

    def query_tokens(self, text: str) -> set[str]:
        """Return the tokens of which a candidate has every one; empty when there is nothing to search for.

        Words of one or two letters are found only whole; longer ones by any three letters in a row.
        """
        return {self._token(gram) for gram in _grams(_words(text))}

    def _token(self, part: str) -> str:
        return hmac.digest(self.key, part.encode(), "sha256")[:TOKEN_OCTETS].hex()


def is_match(query: str, *texts: str) -> bool:
    """Tell whether every word of the query stands in one of the opened texts, with accents and case set aside."""
    there = [word for text in texts for word in _words_to_find(text)]
    wanted = _words(query)
    return bool(wanted) and all(any(_is_part(part, word) for word in there) for part in wanted)


def _is_part(part: str, word: str) -> bool:
    return part == word or (part in word and not word.startswith(_WHOLE))


def _grams(words: list[str]) -> set[str]:
    """Return every run of three letters, and what is only found whole as it is."""
    return {
        word if word.startswith(_WHOLE) else word[start : start + GRAM]
        for word in words
        for start in range(max(1, len(word) - GRAM + 1))
    }


def _words_to_find(text: str) -> list[str]:
    """Return a text's words, and the year of a date as a word of its own."""
    words = _words(text)
    return words + [word[1:5] for word in words if _is_date(word)]


def _words(text: str) -> list[str]:
    """Return dates in one form, numbers without what writers put before and between them, and plain words."""
    folded = _fold(text)
    dates = [_date_word(match) for match in _DATE.finditer(folded)]
    rest = _BEFORE_NUMBER.sub("", _BETWEEN_DIGITS.sub("", _DATE.sub(" ", folded)))
    words = [match.group() for match in _WORD.finditer(rest)]
    return dates + [word if len(word) >= GRAM else f"{_WHOLE}{word}" for word in words]


def _date_word(match: re.Match[str]) -> str:
    year, month, day = match.group(1, 2, 3) if match.group(1) else match.group(6, 5, 4)
    return f"{_WHOLE}{year}-{int(month):02}-{int(day):02}"


def _is_date(word: str) -> bool:
    return word.startswith(_WHOLE) and len(word) == len("=1980-02-14")


def _fold(text: str) -> str:
    """Set case and accents aside: Renée is found as renee, Ørsted as orsted."""
    apart = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", text).casefold()).translate(_NOT_IN_ASCII)
    return "".join(character for character in apart if not unicodedata.combining(character))
