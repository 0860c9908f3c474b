"""The proof of one decision: its events as they were signed, and their place on the chain."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from services.requests.ledger.records import LedgerEntry, LedgerHead, entries_of
from shared.clock import utc_text
from shared.errors import NotFoundError
from shared.propagation import chain

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy.orm import Session

    from shared.service import Tools

FORMAT = "discreet-proof-v1"


def build_proof(session: Session, tools: Tools, decision: str, now: datetime) -> dict[str, Any]:
    """Return the proof as JSON: roster and root key, the decision's entries, and the links between and after them.

    Of other people's entries only digests are in it. Raises NotFoundError.
    """
    entries = {entry.seq: entry for entry in entries_of(session, decision)}
    if not any(entry.family == "decision" for entry in entries.values()):
        raise NotFoundError("No decision is registered under this id.")
    first = min(entries)
    head = session.get_one(LedgerHead, 1)
    roster = tools.roster.current()
    return {
        "format": FORMAT,
        "mode": tools.settings.mode,
        "made_at": utc_text(now),
        "decision": decision,
        "root": base64.b64encode(tools.roster.root_public_key).decode(),
        "roster": roster.document.decode(),
        "roster_signature": base64.b64encode(roster.signature).decode(),
        "processors": {processor.id: processor.name for processor in tools.register},
        "chain": {
            "before": _hash_before(session, first),
            "first": first,
            "links": _links(session, first, entries),
            "head": head.hash,
        },
    }


def _hash_before(session: Session, seq: int) -> str:
    previous = session.scalar(sa.select(LedgerEntry.hash).where(LedgerEntry.seq == seq - 1))
    return previous or chain.GENESIS


def _links(session: Session, first: int, entries: dict[int, LedgerEntry]) -> list[Any]:
    """Return every link from ``first`` to the head: this decision's entries whole, the others as digests."""
    query = (
        sa.select(LedgerEntry.seq, LedgerEntry.entry_digest).where(LedgerEntry.seq >= first).order_by(LedgerEntry.seq)
    )
    return [_whole(entries[seq]) if seq in entries else digest for seq, digest in session.execute(query)]


def _whole(entry: LedgerEntry) -> dict[str, str]:
    return {
        "recorded_at": utc_text(entry.recorded_at),
        "body": entry.body,
        "signature": entry.signature,
        "key_id": entry.key_id,
    }
