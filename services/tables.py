"""Tables in a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table

from shared.clock import utc_text
from shared.events import UNCONFIRMED

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from shared.propagation.verdict import Finding, Verdict


def print_rows(headings: Sequence[str], rows: Iterable[Sequence[str]], title: str | None = None) -> None:
    """Print a table; without a terminal it is as wide as its content, so that it can be piped."""
    table = Table(*headings, title=title, title_justify="left")
    for row in rows:
        table.add_row(*row)
    console = Console() if Console().is_terminal else Console(width=200)
    console.print(table, markup=False)


def print_verdict(verdict: Verdict) -> None:
    """Print what a proof shows, how each answer is known, and what it cannot show."""
    decision = verdict.decision
    if verdict.mode == "trial":
        print("PROEFOMGEVING - a trial system made this proof.")  # noqa: T201
    print(f"decision  {decision.decision}\nkind      {verdict.kind}\nissuer    {decision.issuer}")  # noqa: T201
    print(f"decided   {utc_text(decision.decided_at)} by {decision.decided_by}, ground {decision.ground}")  # noqa: T201
    print(f"root key  {verdict.root_fingerprint}{'' if verdict.origin_checked else '  (not compared)'}")  # noqa: T201
    print(f"chain     entry {verdict.head_seq}, head {verdict.head}")  # noqa: T201
    print_rows(
        ("service", "processor", "action", "outcome", "evidence", "acted at"),
        [
            (
                each.service,
                each.processor or "(own store)",
                each.action,
                each.outcome or "NO ANSWER",
                each.evidence or _closed_by(each),
                utc_text(each.acted_at) if each.acted_at else "-",
            )
            for each in verdict.findings
        ],
    )
    print(_said_of(verdict))  # noqa: T201
    print("It cannot show:")  # noqa: T201
    for limit in verdict.cannot_show:
        print(f" - {limit}")  # noqa: T201


def _said_of(verdict: Verdict) -> str:
    if not verdict.complete:
        return "Integrity holds, but not every answer is there."
    if verdict.unconfirmed:
        return f"Integrity holds. {len(verdict.unconfirmed)} of the answers never came: closed without confirmation."
    return "Integrity holds."


def _closed_by(finding: Finding) -> str:
    """Say who closed an answer that nobody gave, where other answers say how they are known."""
    if finding.outcome != UNCONFIRMED:
        return "-"
    return "; ".join(f"{each.reason}: {each.proposed_by}, {each.confirmed_by}" for each in finding.closings)
