"""Answering: what a contact states is taken once, and whom it was about is forgotten with it."""

from __future__ import annotations

import hashlib
import json
import secrets
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import sqlalchemy as sa

from shared.deadlines import local_date
from shared.errors import ConflictError
from shared.processors import stated
from shared.processors.by_hand.asking import forget_subject
from shared.processors.by_hand.links import USED, check_open, linked
from shared.processors.by_hand.tables import ANSWERED, by_hand_tasks
from shared.propagation.obligations import wake_asked
from shared.vault import Sealed

if TYPE_CHECKING:
    from datetime import date, datetime

    from sqlalchemy.orm import Session

    from shared.processors.by_hand.links import Row
    from shared.service import Tools


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """What a named person says was done; ``remark`` is free text and leaves the service in no form but a digest."""

    outcome: str
    name: str = field(repr=False)
    ground: str | None = None
    until: date | None = None
    remark: str = field(default="", repr=False)


def open_subject(tools: Tools, row: Row) -> dict[str, dict[str, str]]:
    """Return ``subject`` and ``corrected`` of an open task. Raises KeyDestroyedError."""
    return tools.vault.open(row["id"], Sealed(row["subject_key_id"], row["subject"]), field="subject")


def answer(session: Session, tools: Tools, token: str, statement: Statement, *, now: datetime) -> None:
    """Take a statement, once. The same one again changes nothing; another one raises ConflictError.

    Raises InvalidInputError for a ground or a day that does not fit, and NotFoundError and GoneError as a link does.
    """
    row = linked(session, token, lock=True)
    if row["state"] == ANSWERED:
        if not _is_same(tools, row, statement):
            raise ConflictError(USED)
        return
    check_open(row, now)
    stated.check(tools.policy, statement.outcome, statement.ground, statement.until, today=local_date(now))
    # The salt keeps a name and a few words from being guessed by their digest.
    said = {"name": statement.name, "remark": statement.remark, "salt": secrets.token_hex(16)}
    sealed = tools.vault.seal(row["id"], said, field="statement")
    session.execute(
        sa.update(by_hand_tasks)
        .where(by_hand_tasks.c.id == row["id"])
        .values(
            state=ANSWERED,
            closed_at=now,
            outcome=statement.outcome,
            ground=statement.ground,
            until=statement.until,
            statement=sealed.ciphertext,
            statement_key_id=sealed.key_id,
            statement_digest=hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest(),
            subject=None,
            subject_key_id=None,
        )
    )
    forget_subject(session, tools, row)
    wake_asked(session, decision=row["decision"], processor=row["processor"], action=row["action"], now=now)


def read_statement(tools: Tools, row: Row) -> tuple[str, str]:
    """Return who stated it and the remark. Raises KeyDestroyedError."""
    said = tools.vault.open(row["id"], Sealed(row["statement_key_id"], row["statement"]), field="statement")
    return said["name"], said["remark"]


def _is_same(tools: Tools, row: Row, statement: Statement) -> bool:
    known = (row["outcome"], row["ground"], row["until"])
    if known != (statement.outcome, statement.ground, statement.until):
        return False
    return read_statement(tools, row) == (statement.name, statement.remark)
