"""What is said of the answers that decisions wait for, noted; and the end of a decision that has them all."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

import msgspec
import sqlalchemy as sa

from services.requests.ledger import rules
from services.requests.ledger.records import answers, decisions, is_terminal
from shared.events import UNCONFIRMED, AnswerClosed, DecisionClosed, ReceiptIssued
from shared.failpoints import reach
from shared.many import among_given, update_each

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping
    from datetime import datetime

    from sqlalchemy.orm import Session

    from shared.messaging.applier import Delivery
    from shared.service import Tools

Word: TypeAlias = ReceiptIssued | AnswerClosed
"""What is said of an answer that a decision waits for."""

_KEY = (answers.c.decision, answers.c.service, answers.c.processor)
_EXPECTED = sa.select(*_KEY, answers.c.outcome, answers.c.acted_at)
_EXPECTED = _EXPECTED.where(among_given(answers.c.decision, "decisions"))
_OPEN = sa.select(decisions.c.decision).where(
    among_given(decisions.c.decision, "decisions"), decisions.c.closed_at.is_(None)
)
_CLOSING = sa.update(decisions).where(decisions.c.decision == sa.bindparam("its_decision"))
_NOTING = sa.update(answers).where(*(column == sa.bindparam(f"its_{column.name}") for column in _KEY))
Key: TypeAlias = tuple[str, str, str]
Known: TypeAlias = tuple[str | None, "datetime | None"]


def note(session: Session, tools: Tools, words: Iterable[Word], last: Mapping[str, Delivery]) -> None:
    """Update the answers that these words are about, unless more is known of one already, and close what is complete.

    ``last`` has, by decision, what came last about it: a decision is closed in that trace.
    """
    expected = _expected(session, last)
    said: dict[Key, dict[str, Any]] = {}
    for word in words:
        key = (word.decision, word.service, word.processor or "")
        outcome = word.outcome if isinstance(word, ReceiptIssued) else UNCONFIRMED
        if key in expected and rules.counts_more(outcome, word.acted_at, *expected[key]):
            expected[key], said[key] = (outcome, word.acted_at), _values(word, outcome)
    _save(session, said)
    reach("ledger.noted")
    waiting = {key[0] for key, (outcome, _) in expected.items() if outcome is None or not is_terminal(outcome)}
    _close(session, tools, {decision: each for decision, each in last.items() if decision not in waiting})


def _expected(session: Session, concerned: Collection[str]) -> dict[Key, Known]:
    """Return what is known of every answer that these decisions wait for: an outcome, and of when it is."""
    found = session.connection().execute(_EXPECTED, {"decisions": list(concerned)})
    return {(decision, service, processor): (outcome, at) for decision, service, processor, outcome, at in found}


def _save(session: Session, said: Mapping[Key, Mapping[str, Any]]) -> None:
    """Update answers, those of which the same is known together."""
    alike: dict[bool, list[dict[str, Any]]] = {}
    for (decision, service, processor), values in said.items():
        row = {"its_decision": decision, "its_service": service, "its_processor": processor, **values}
        alike.setdefault(values["terminal"], []).append(row)
    for rows in alike.values():
        update_each(session, _NOTING, rows)


def _values(word: Word, outcome: str) -> dict[str, Any]:
    values: dict[str, Any] = {"outcome": outcome, "acted_at": word.acted_at, "terminal": is_terminal(outcome)}
    if isinstance(word, ReceiptIssued):
        evidence = word.evidence
        values["evidence"] = evidence.grade if evidence else None
        values["evidence_digest"] = evidence.digest if evidence else None
        values["covers"] = (evidence.covers or None) if evidence else None
        values |= {"ground": word.ground, "counts": word.counts, "retained": msgspec.to_builtins(word.retained)}
        kept_until = [part.until for part in word.retained if part.until]
    else:
        values |= dict.fromkeys(("evidence", "evidence_digest", "covers"))
        values |= {"ground": word.reason, "counts": {}, "retained": []}
        kept_until = []
    if values["terminal"]:
        # What our own store keeps has a term here; what a processor keeps, nobody would look at again.
        values["next_reminder_at"] = min(kept_until, default=None) if word.processor else None
    return values


def _close(session: Session, tools: Tools, complete: Mapping[str, Delivery]) -> None:
    if not complete:
        return
    still_open = set(session.connection().scalars(_OPEN, {"decisions": list(complete)}))
    closed = {decision: each for decision, each in complete.items() if decision in still_open}
    if not closed:
        return
    rows = [{"its_decision": decision, "closed_at": each.now} for decision, each in closed.items()]
    update_each(session, _CLOSING, rows)
    *_, newest = closed.values()
    tools.outbox.publish_all(
        session,
        [DecisionClosed(decision=decision) for decision in closed],
        now=newest.now,
        traces=[each.envelope.traceparent for each in closed.values()],
    )
    reach("ledger.closed")
