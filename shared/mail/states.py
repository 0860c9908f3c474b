"""What became of mails: whom they are for stays sealed, and goes with what they say."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import sqlalchemy as sa

from shared.mail.tables import outgoing_mails
from shared.many import among

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from sqlalchemy.orm import Session


@dataclass(frozen=True, slots=True)
class MailState:
    """How far a mail is, and what was last in its way: a reply code at most, never an address."""

    state: str
    problem: str | None


def states_of(session: Session, mails: Collection[str]) -> Mapping[str, MailState]:
    """Return how far each of these mails is; of one whose term is over nothing is known any more."""
    columns = (outgoing_mails.c.mail, outgoing_mails.c.state, outgoing_mails.c.problem)
    found = session.execute(sa.select(*columns).where(among(outgoing_mails.c.mail, mails)))
    return {row.mail: MailState(row.state, row.problem) for row in found}
