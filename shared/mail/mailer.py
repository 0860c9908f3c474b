"""What an action does with mail: queue it with the transaction that is its reason, or take it back."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

import sqlalchemy as sa

from shared.database import insert_once, wake_after
from shared.errors import ConfigurationError
from shared.mail.composing import compose
from shared.mail.outgoing import OutgoingMail
from shared.mail.smtp import SmtpTransport
from shared.mail.tables import PARKED, WAITING, WITHDRAWN, outgoing_mails
from shared.mail.tokens import tokens_of
from shared.mail.transports import MaildirTransport
from shared.many import among
from shared.vault import Sealed

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from datetime import datetime
    from typing import Any

    from sqlalchemy.orm import Session

    from shared.mail.composing import ComposedMail
    from shared.mail.transports import Transport
    from shared.policy import Policy
    from shared.settings import Settings
    from shared.vault import Vault


class Mailer:
    """The mail of one service; ``transport`` stands in for the one the settings name."""

    def __init__(self, settings: Settings, policy: Policy, vault: Vault, transport: Transport | None = None) -> None:
        """Raise ConfigurationError when the address of the mail server cannot be used."""
        self._trial = settings.mode == "trial"
        self._clinic = policy.clinic
        self._vault = vault
        self.transport = transport or transport_of(settings)

    def queue(self, session: Session, mail: OutgoingMail, *, now: datetime, mail_id: str | None = None) -> str:
        """Have the mail sent once this transaction is committed; return its id.

        The same ``mail_id`` again (a UUID) changes nothing: an action that may be repeated makes one from
        what it is about.
        """
        mail_id = mail_id or str(uuid.uuid4())
        content = {
            "to": mail.to,
            "subject": mail.subject,
            "text": mail.text,
            "html": mail.html,
            "reply_to": mail.reply_to,
            "headers": dict(mail.headers),
        }
        sealed = self._vault.seal(mail_id, content)
        row = {
            "mail": mail_id,
            "reason": mail.reason,
            "about": mail.about,
            "sealed": sealed.ciphertext,
            "key_id": sealed.key_id,
            "state": WAITING,
            "attempts": 0,
            "perhaps_sent": False,
            "next_attempt_at": now,
            "created_at": now,
        }
        if insert_once(session, outgoing_mails, [row]):
            wake_after(session, "mail")
        else:
            self._vault.destroy_after_commit(session, [sealed.key_id])
        return mail_id

    def withdraw(self, session: Session, about: Collection[str]) -> Mapping[str, Sequence[str]]:
        """Take back every unsent mail about these records.

        Returns the data keys that must now be destroyed, by what the mail was about. A mail that is being handed
        over at this moment may still arrive.
        """
        unsent = sa.and_(among(outgoing_mails.c.about, about), outgoing_mails.c.state.in_([WAITING, PARKED]))
        columns = (outgoing_mails.c.id, outgoing_mails.c.about, outgoing_mails.c.key_id)
        found = session.execute(sa.select(*columns).where(unsent).with_for_update()).all()
        if found:
            taken = outgoing_mails.c.id.in_([row.id for row in found])
            session.execute(sa.update(outgoing_mails).where(taken).values(state=WITHDRAWN, sealed=None, key_id=None))
        keys: dict[str, list[str]] = {}
        for row in found:
            keys.setdefault(row.about, []).extend([row.key_id] if row.key_id else [])
        return keys

    def open(self, row: Mapping[str, Any]) -> ComposedMail:
        """Compose the mail of a row. Raises KeyDestroyedError when it was taken back, IntegrityError."""
        content = self._vault.open(row["mail"], Sealed(row["key_id"], row["sealed"]))
        mail = OutgoingMail(reason=row["reason"], about=row["about"], **content)
        return compose(mail, mail_id=row["mail"], at=row["created_at"], clinic=self._clinic, trial=self._trial)


def transport_of(settings: Settings) -> Transport:
    """Return the way out that the settings name. Raises ConfigurationError."""
    try:
        tokens = tokens_of(**dict(settings.smtp_tokens))
    except ConfigurationError as error:
        raise ConfigurationError(f"DISCREET_SMTP_...: {error.detail}") from error
    if settings.smtp_url is not None:
        return SmtpTransport.from_url(settings.smtp_url, trial=settings.mode == "trial", tokens=tokens)
    if tokens is not None:
        raise ConfigurationError("DISCREET_SMTP_TOKEN_URL is set, and DISCREET_SMTP_URL is not.")
    return MaildirTransport(settings.home / "mail")
