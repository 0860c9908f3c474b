"""Looking again at a processor that spoke of a person while their erasure there was under way.

What it says then may be an echo of our own act, or a sign that it made the person's data anew between our
deletion and our second look. So nothing of it is kept, and the processor is looked at once more, after
everything it is already owed about that person.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import sqlalchemy as sa

from shared.database import wake_after
from shared.many import among_given
from shared.propagation.giving import person_key, seal_name
from shared.propagation.tables import ASKED, CLAIMED, OF_PERSONS, OPEN, PARKED, obligations

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from datetime import datetime
    from typing import Any

    from sqlalchemy.orm import Session

    from shared.processors.interface import SubjectIdentifiers
    from shared.service import Tools

RECHECK = "recheck"
UNDER_WAY = (OPEN, CLAIMED, ASKED, PARKED)


def erasing(session: Session, processor: str, refs: Collection[str]) -> Mapping[str, Mapping[str, Any]]:
    """Return, by ref, the unfinished obligation of this processor to erase that person."""
    persons = {person_key(ref): ref for ref in refs}
    rows = session.connection().execute(_ERASING, {"its_processor": processor, "persons": list(persons)}).mappings()
    return {persons[row["subject"]]: dict(row) for row in rows}


_ERASING = sa.select(obligations).where(
    obligations.c.processor == sa.bindparam("its_processor"),
    among_given(obligations.c.subject, "persons"),
    obligations.c.kind.in_(["erasure", "term-end"]),
    obligations.c.state.in_(UNDER_WAY),
    OF_PERSONS,
)


def look_again(
    session: Session, tools: Tools, erasure: Mapping[str, Any], subject: SubjectIdentifiers, *, now: datetime
) -> None:
    """Have the processor carry this erasure out once more when the first is through."""
    sealed = tools.vault.seal(seal_name("", erasure["processor"], erasure["subject"]), msgspec.to_builtins(subject))
    session.execute(
        sa.insert(obligations).values(
            kind=RECHECK,
            processor=erasure["processor"],
            action=erasure["action"],
            subject=erasure["subject"],
            records=erasure["records"],
            refs=[],
            requested_at=now,
            state=OPEN,
            progress={},
            attempts=0,
            next_attempt_at=now,
            sealed=sealed.ciphertext,
            key_id=sealed.key_id,
        )
    )
    wake_after(session, "obligation")
