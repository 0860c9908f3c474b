"""Where personal data may go without further ground: the EEA, and countries with an adequacy decision (art. 45 AVG).

As of November 2026. A court can end a decision overnight, as on 16 July 2020; then a processor there needs
standard clauses (``scc``) until this list is right again.
"""

from __future__ import annotations

EEA = frozenset(
    "AT BE BG CY CZ DE DK EE ES FI FR GR HR HU IE IS IT LI LT LU LV MT NL NO PL PT RO SE SI SK".split()  # noqa: SIM905
)
ADEQUATE = frozenset("AD AR CA CH FO GB GG IL IM JE JP KR NZ UY US".split())  # noqa: SIM905
"""Canada: commercial organisations; United States: only who is certified under the Data Privacy Framework."""


def ground_problem(country: str, ground: str) -> str | None:
    """Return what is wrong with a transfer to a country on a ground, or None (P88, X5)."""
    if ground == "none" and country not in EEA:
        return f"{country} is outside the EEA: say on which ground data go there, adequacy or scc."
    if ground == "adequacy" and country not in ADEQUATE:
        return f"There is no adequacy decision for {country}: use scc, or none within the EEA."
    return None
