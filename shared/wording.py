"""Words that people read, in Dutch and in English, carried together until it is known who reads."""

from __future__ import annotations

from typing import Any, Literal, Self

Language = Literal["nl", "en"]


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


def text_in(language: Language, text: str) -> str:
    """Return ``text`` in ``language``; plain text is the same in both."""
    return text.dutch if language == "nl" and isinstance(text, Both) else str(text)
