"""The clinic's mail host, over IMAP: forwarded forms are found by their Message-IDs and deleted from every folder.

It looks into one mailbox, the one that forms are forwarded to, and vouches for no more than our own mails in it. An
answer somebody wrote, a copy in another mailbox or on a device, and the host's backups are nothing it can see. What
is to be done with a mail other than deleting it, such as correcting, is a task for people.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

import sqlalchemy as sa

from services.intake.records import CATEGORY
from services.intake.rules import forwarding_mail
from shared.errors import PermanentError
from shared.events import DECISION_KINDS
from shared.mail import outgoing_mails
from shared.mail.mailbox import Mailbox
from shared.mail.tables import RETURNED, SENT, WITHDRAWN
from shared.many import among
from shared.processors.by_hand import ByHand
from shared.processors.interface import ContradictedError, Done, NothingHeld, Pending, evidence_of

if TYPE_CHECKING:
    from collections.abc import Collection
    from datetime import datetime

    from sqlalchemy.engine import RowMapping

    from shared.mail.mailbox_folders import Seen
    from shared.processors.interface import Outcome, ProcessorTask
    from shared.propagation.register import Processor
    from shared.service import Tools

ERASING = frozenset({"erasure", "term-end"})
ROUNDS = 3
"""How often mails are taken out: some hosts keep what goes from one folder in another, such as their trash."""
UNDER_WAY = timedelta(days=5)
"""How long a mail server may go on trying to deliver what it took (RFC 5321 section 4.5.4.1)."""
SOONEST, LATEST = timedelta(minutes=1), timedelta(hours=6)


@dataclass(frozen=True, slots=True)
class Imap:
    """One mailbox, and the contact of its host for what IMAP has no words for."""

    tools: Tools
    processor: Processor

    def __post_init__(self) -> None:
        """Raise ConfigurationError for settings that open no mailbox."""
        Mailbox.of(self.processor)

    def carry_out(self, task: ProcessorTask) -> Outcome:
        """Delete the mails of these forms and look again, or say when to look for those that may still arrive.

        Raises RetryableError, PermanentError, ConfigurationError.
        """
        if task.action not in DECISION_KINDS:
            raise PermanentError("A mailbox is told of decisions only.")
        if task.action not in ERASING:
            return ByHand(self.tools, self.processor).carry_out(task)
        forms = task.records.get(CATEGORY, ())
        mails = {forwarding_mail(form) for form in forms}
        seen, copies = self._remove(mails)
        found = {*task.state.get("found", ()), *copies}
        deleted = task.state.get("deleted", 0) + copies.total()
        if look_at := self._look_again_at(mails - found):
            return Pending(look_at, {"found": sorted(found), "deleted": deleted})
        evidence = evidence_of(
            "re-read",
            {
                "processor": self.processor.id,
                "decision": task.decision_id,
                "action": task.action,
                "forms": sorted(forms),
                "folders": seen.folders,
                "deleted": deleted,
                "left": seen.copies.total(),
            },
            {CATEGORY: len(found)},
            covers="own-forwarded-copies",
        )
        # What has to stay was not looked for, so it cannot be said that there is nothing of the person.
        stays = any(each.ground is not None for each in task.stays)
        return Done(evidence) if found or stays else NothingHeld(evidence)

    def _remove(self, mails: Collection[str]) -> tuple[Seen, Counter[str]]:
        """Take them out of every folder, and return what a second look saw and what there was, by mail."""
        mailbox, removed = Mailbox.of(self.processor), Counter[str]()
        with mailbox.opened() as folders:
            for _ in range(ROUNDS):
                seen = folders.remove(mails)
                removed += seen.copies
                if not seen.copies:
                    break
        with mailbox.opened() as folders:  # over a connection that knows nothing of what was done
            seen = folders.look(mails)
        if seen.copies:
            raise ContradictedError("Mails that were deleted are still in the mailbox.")
        return seen, removed

    def _look_again_at(self, missing: Collection[str]) -> datetime | None:
        """Return when to look for mails that are not there and may still come; None when nothing can come."""
        now = self.tools.clock()
        query = sa.select(outgoing_mails).where(among(outgoing_mails.c.mail, missing))
        with self.tools.database.reading() as session:
            rows = session.execute(query).mappings().all()
        again = [moment for row in rows if (moment := _next_look(row, now)) is not None]
        return min(again, default=None)


def _next_look(row: RowMapping, now: datetime) -> datetime | None:
    """Return when to look for a mail that is not there: often at first, and as long as a server may be trying."""
    if row["state"] in (SENT, RETURNED):
        handed_over = row["sent_at"]
    elif row["state"] != WITHDRAWN:
        return now + SOONEST  # the erasure here has yet to take it back
    elif row["perhaps_sent"]:
        handed_over = row["next_attempt_at"]  # it was claimed until then
    else:
        return None
    until = handed_over + UNDER_WAY
    return min(now + min(max(now - handed_over, SOONEST), LATEST), until) if now < until else None
