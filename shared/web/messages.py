"""The Dutch of the messages that marshmallow and the body parser write in English."""

from __future__ import annotations

import re

from shared.wording import Both

DUTCH = [
    (re.compile(pattern), dutch)
    for pattern, dutch in (
        (r"Missing data for required field\.", "Vul dit in."),
        (r"Field may not be null\.", "Vul dit in."),
        (r"Unknown field\.", "Dit veld kennen we niet."),
        (r"Not a valid email address\.", "Dit is geen geldig e-mailadres."),
        (r"Not a valid date\.", "Dit is geen geldige datum."),
        (r"Not a valid (?:aware )?datetime\.", "Dit is geen geldig tijdstip."),
        (r"Not a valid (?:integer|number)\.", "Vul een getal in."),
        (r"Not a valid boolean\.", "Kies ja of nee."),
        (r"Not a valid URL\.", "Dit is geen geldig webadres."),
        (r"Not a file\.", "Kies een bestand."),
        (r"Not a valid string\.", "Vul hier tekst in."),
        (r"Given more than once\.", "Dit is meer dan eens ingevuld."),
        (r"Holds a character that cannot be stored\.", "Hier staat een teken in dat niet bewaard kan worden."),
        (r"Shorter than minimum length 1\.", "Vul dit in."),
        (r"Shorter than minimum length (\d+)\.", r"Gebruik minstens \1 tekens."),
        (r"Longer than maximum length (\d+)\.", r"Gebruik hoogstens \1 tekens."),
        (r"Length must be between (\d+) and (\d+)\.", r"Gebruik \1 tot \2 tekens."),
        (r"Must be one of: (.*)\.", r"Kies een van: \1."),
    )
]


def in_dutch(message: str) -> str:
    """Return the message in Dutch; one that has its own Dutch as it is."""
    if isinstance(message, Both):
        return message.dutch
    for pattern, dutch in DUTCH:
        if match := pattern.fullmatch(message):
            return match.expand(dutch)
    return "Dit is niet goed ingevuld."
