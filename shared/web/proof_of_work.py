"""Work that a visitor's browser does before a form is taken (ALTCHA): a robot pays for each form, nobody is followed.

A site asks for it with ``proof_of_work: true``. The challenge is signed and not stored; what was solved counts once.
Work that is wrong is refused; work that is missing is not, since a browser without script cannot do any: what happens
to such a form is for the service to say, and no visitor is lost by it.
"""

from __future__ import annotations

import secrets
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import altcha

from shared.clock import system_clock
from shared.errors import InvalidInputError
from shared.wording import Both

if TYPE_CHECKING:
    from shared.service import Tools
    from shared.web.calls import Call

FIELD = "altcha"
ALGORITHM, ROUNDS = "PBKDF2/SHA-256", 2_000
LEAST, MOST = 200, 600
"""How many keys are derived until the right one is found: a third of a second on a desk, two on an old telephone."""
SCRIPT = Path(__file__).with_suffix(".js")
LIFE = timedelta(hours=24)
PURPOSE, KEY_PURPOSE = "proof-of-work", "proof-of-work-keys"
WRONG = Both(
    "De controle tegen robots is mislukt of verlopen. Verstuur het formulier nog een keer.",
    "The check against robots failed or expired. Send the form once more.",
)
SPENT = Both(
    "Hiermee is al een ander formulier verstuurd. Verstuur dit nog een keer.",
    "Another form was sent with this already. Send this one once more.",
)


def is_asked(call: Call) -> bool:
    """Tell whether a form should come with work done: not where a site's server vouches for it by its signature."""
    return not call.signed and any(site.proof_of_work for site in call.held_to)


def challenge(tools: Tools) -> dict[str, Any]:
    """Return new work to do, as the ALTCHA widget and our own script take it."""
    made = altcha.create_challenge(
        ALGORITHM,
        ROUNDS,
        counter=LEAST + secrets.randbelow(MOST - LEAST),
        # By the machine's clock, as the library looks at it.
        expires_at=system_clock() + LIFE,
        hmac_secret=tools.keys.secret(PURPOSE),
        hmac_key_secret=tools.keys.secret(KEY_PURPOSE),
    )
    return made.to_dict()


def was_done(call: Call) -> bool:
    """Tell whether the work that is asked was done, and have its solution count for this form only; none asked is done.

    Raises InvalidInputError for a solution that is wrong, forged or too old.
    """
    if not is_asked(call):
        return True
    solution = call.body.get(FIELD)
    if solution is None:
        return False
    keys = call.tools.keys
    found = altcha.verify_solution(solution, keys.secret(PURPOSE), hmac_key_secret=keys.secret(KEY_PURPOSE))
    if not found.verified:
        raise InvalidInputError({FIELD: [WRONG]})
    if call.repeat:
        call.repeat.once(FIELD, str(altcha.Payload.from_base64(solution).challenge.signature), SPENT)
    return True
