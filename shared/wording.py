"""Words that people read, in Dutch and in English, carried together until it is known who reads."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, Self

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import date

Language = Literal["nl", "en"]
MONTHS = {
    "nl": "januari februari maart april mei juni juli augustus september oktober november december",
    "en": "January February March April May June July August September October November December",
}
_JOINERS = dict.fromkeys((0x200C, 0x200D))


class Both(str):
    """A text in English that carries its Dutch: code and API see the English, a page may ask for the other.

    Fit for the ``detail`` of an error and for the message of a marshmallow validator.
    """

    __slots__ = ("dutch",)
    dutch: str

    def __new__(cls, dutch: str, english: str) -> Self:
        """Take the Dutch first, as on the page."""
        text = super().__new__(cls, english)
        text.dutch = dutch
        return text

    def format(self, *values: Any, **named: Any) -> Both:
        """Fill both texts in, as validators do with their limits."""
        return Both(self.dutch.format(*values, **named), super().format(*values, **named))


def is_storable(text: str) -> bool:
    """Tell whether text can be kept and sent.

    Without NUL, which PostgreSQL cannot store, and without halves of surrogate pairs, which UTF-8 cannot hold.
    """
    try:
        return b"\0" not in text.encode()
    except UnicodeEncodeError:
        return False


def is_one_line(text: str) -> bool:
    """Tell whether text is printable and on one line.

    The two joiners of Unicode are: names in Persian and in scripts of India are written with them.
    """
    return text.translate(_JOINERS).isprintable()


def text_in(language: Language, text: str) -> str:
    """Return ``text`` in ``language``; plain text is the same in both."""
    return text.dutch if language == "nl" and isinstance(text, Both) else str(text)


def day_in(language: Language) -> Callable[[date], str]:
    """Return how a day is written in a language: ``3 december 2026``."""
    months = MONTHS[language].split()
    return lambda day: f"{day.day} {months[day.month - 1]} {day.year}"
