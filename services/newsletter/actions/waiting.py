"""Sign-ups that come while a backup is put right: kept sealed, and taken in when what is stored is true again."""

from __future__ import annotations

import uuid
from dataclasses import asdict
from typing import TYPE_CHECKING

import sqlalchemy as sa

from services.newsletter.actions.signing_up import SignUp, sign_up
from services.newsletter.records import waiting_sign_ups
from shared.errors import KeyDestroyedError
from shared.identity import normalise_email
from shared.vault import Sealed

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy.orm import Session

    from shared.service import Tools


def keep(session: Session, tools: Tools, asked: SignUp, *, now: datetime) -> None:
    """Keep a sign-up until it can be taken in. Raises InvalidInputError for an address that cannot be one."""
    normalise_email(asked.email)
    waiting = str(uuid.uuid4())
    sealed = tools.vault.seal(waiting, asdict(asked))
    values = {"id": waiting, "received_at": now, "sealed": sealed.ciphertext, "key_id": sealed.key_id}
    session.execute(sa.insert(waiting_sign_ups).values(**values))


def take_in_waiting(tools: Tools, now: datetime) -> None:
    """Take in what waits, oldest first, each as if it came now."""
    while True:
        with tools.database.transaction() as session:
            query = sa.select(waiting_sign_ups).order_by(waiting_sign_ups.c.received_at).limit(1)
            row = session.execute(query.with_for_update(skip_locked=True)).mappings().first()
            if row is None:
                return
            session.execute(sa.delete(waiting_sign_ups).where(waiting_sign_ups.c.id == row["id"]))
            tools.vault.destroy_after_commit(session, [row["key_id"]])
            try:
                content = tools.vault.open(row["id"], Sealed(row["key_id"], row["sealed"]))
            except KeyDestroyedError:  # of another backup that was put back since
                continue
            sign_up(session, tools, SignUp(**content), now=now)
