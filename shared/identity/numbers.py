"""Telephone numbers in the one form that references are made over."""

from __future__ import annotations

import re
import unicodedata

import phonenumbers

from shared.errors import InvalidInputError
from shared.wording import Both

NO_NUMBER = Both("Dit is geen telefoonnummer.", "This is not a telephone number.")
_TYPED = re.compile(r"\+?[0-9\s().\-/]{1,40}")


def normalise_phone(text: str, region: str = "NL", *, field: str = "phone") -> str:
    """Return the number as E.164; one without a country code is taken to be of ``region``.

    A number that is long enough to exist is taken, whether or not it is in use: new ranges open all the time.
    Raises InvalidInputError for ``field``; the message never repeats the value.
    """
    # NFKC makes full-width digits and narrow spaces plain; everything else that is not of a number is refused,
    # because the library would look for a number inside a sentence.
    typed = unicodedata.normalize("NFKC", text[:80]).strip()
    if len(text) <= 80 and _TYPED.fullmatch(typed):
        try:
            number = phonenumbers.parse(typed, region)
        except phonenumbers.NumberParseException:
            pass
        else:
            if phonenumbers.is_possible_number(number):
                return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
    # Outside the except clause: the library's message must not come along as the cause.
    raise InvalidInputError({field: [NO_NUMBER]})
