"""What no clinic can change in its policy: the shortest terms of the law, the longest of the statement."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shared.policy.parts import Span

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from shared.policy.parts import Clocks, Term

AT_LEAST = {
    "dossier.medical": ("P20Y", "art. 7:454(3) BW (X1)"),
    "dossier.fiscal": ("P7Y", "art. 52(4) AWR (P38)"),
    "dossier.supplier": ("P7Y", "art. 52(4) AWR (P32)"),
    "dossier.access-log": ("P5Y", "the decree behind NEN 7513"),
}
AT_MOST = {
    "newsletter.pending": ("P1M", "an unconfirmed address is nobody's consent (P36)"),
    "newsletter.ended": ("P1M", "the statement (P37)"),
    "newsletter.told": ("P1M", "an address in it may be of somebody who left (P37)"),
    "requests.identity-copy": ("P1M", "EDPB 01/2022: no longer than the check takes (X4)"),
}
CLOCKS_AT_MOST = {
    "answer": ("P1M", "art. 12(3) AVG"),
    "extension": ("P2M", "art. 12(3) AVG"),
    "destruction_decision": ("P3M", "the statement (X2)"),
    "calamity_doubt": ("P6W", "art. 11 Wkkgz (P44)"),
}
BACKUP, KEY_BACKUP = "system.backup", "system.key-backup"
BESIDE_TABLES = (
    "console.account",
    "console.session",
    "console.sign-in",
    "system.log",
    "system.maildir",
    # from here on rows, which have another term by what became of them
    "dossier.lead",
    "intake.quarantine",
    "requests.destruction-file",
    "system.parked",
)
"""Classes that are looked up and that no table is of: a policy without one would let what is over stay (P33)."""
OUTLIVING_BACKUPS = (
    "newsletter.tombstone",
    "requests.ledger-refs",
    "requests.journal",
    "system.outbox",
    "system.inbox",
    "system.tombstone",
)
"""What a restored backup is put right with must still be there when the oldest one is put back."""


def violations(terms: Mapping[str, Term], clocks: Clocks) -> Iterator[tuple[str, str]]:
    """Yield each key that breaks a limit, with what is wrong in words."""
    yield from _missing(terms)
    for name, (least, rule) in AT_LEAST.items():
        if (period := _period(terms, name)) and not Span.parse(least).fits_in(period):
            yield f"terms.{name}", f"{period.text} is shorter than {least}: {rule}."
    for name, (most, rule) in AT_MOST.items():
        if (period := _period(terms, name)) and not period.fits_in(Span.parse(most)):
            yield f"terms.{name}", f"{period.text} can be longer than {most}: {rule}."
    for name, (most, rule) in CLOCKS_AT_MOST.items():
        if not (span := getattr(clocks, name)).fits_in(Span.parse(most)):
            yield f"clocks.{name}", f"{span.text} can be longer than {most}: {rule}."
    yield from _beside_backups(terms)
    for name, term in terms.items():
        if term.erase_after and (term.period is None or not term.erase_after.fits_in(term.period)):
            yield f"terms.{name}.erase_after", "It must be within the period."


def _missing(terms: Mapping[str, Term]) -> Iterator[tuple[str, str]]:
    for name in sorted({*AT_LEAST, *AT_MOST, *BESIDE_TABLES, *OUTLIVING_BACKUPS, BACKUP, KEY_BACKUP}):
        if _period(terms, name) is None:
            yield f"terms.{name}", "It needs a period."


def _beside_backups(terms: Mapping[str, Term]) -> Iterator[tuple[str, str]]:
    backup, keys = _period(terms, BACKUP), _period(terms, KEY_BACKUP)
    if backup is None:
        return
    for name in OUTLIVING_BACKUPS:
        if (period := _period(terms, name)) and not backup.fits_in(period):
            yield f"terms.{name}", f"{period.text} is shorter than that of {BACKUP}, {backup.text}."
    if keys and (not keys.fits_in(backup) or backup.fits_in(keys)):
        yield f"terms.{KEY_BACKUP}", f"Backups of keys are kept shorter than those of data, {backup.text}."


def _period(terms: Mapping[str, Term], name: str) -> Span | None:
    return terms[name].period if name in terms else None
