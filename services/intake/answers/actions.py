"""Answering a form, and showing what was answered and what became of the mail."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

from services.intake import records
from services.intake.actions import open_form
from services.intake.answers.records import FormAnswer, answers_to
from services.intake.letters import answering
from shared.database import lock_subject
from shared.errors import ConflictError
from shared.events import ContactFormAnswered
from shared.mail import states_of
from shared.propagation.tombs import is_being_erased
from shared.vault import Sealed
from shared.wording import Both

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from sqlalchemy.orm import Session

    from services.intake.records import ContactForm
    from shared.service import Tools

QUARANTINED = Both(
    "Dit formulier is misschien ongewenst. Geef het eerst vrij.", "This form may be unwanted. Release it first."
)
UNDER_ERASURE = Both("Dit formulier wordt nu gewist.", "This form is being erased now.")


def answer(
    session: Session, tools: Tools, form_id: str, message: str, *, by: str, client: str | None, now: datetime
) -> FormAnswer:
    """Mail an answer to whoever sent the form, keep it with the form, and note that the form was dealt with.

    With ``client``, the dossier's id of who somebody says the sender is, it is announced for the contact history.
    Raises GoneError, NotFoundError, ConflictError for a form that waits in quarantine or is being erased.
    """
    form = _hold(session, form_id)
    answer_id = str(uuid.uuid4())
    sealed = tools.vault.seal(answer_id, {"message": message})
    given = FormAnswer(
        id=answer_id, form=form.id, answered_at=now, answered_by=by, sealed=sealed.ciphertext, key_id=sealed.key_id
    )
    session.add(given)
    if form.handled_at is None:
        form.handled_at, form.handled_by = now, by
    mail = answering(tools, form, open_form(tools, form)["email"], message)
    tools.mail.queue(session, mail, now=now, mail_id=answer_id)
    if client is not None:
        answered = ContactFormAnswered(
            form=form.id, reference=form.reference, answer=answer_id, client=client, answered_by=by, answered_at=now
        )
        tools.outbox.publish(session, answered, now=now)
    session.flush()
    return given


def history(session: Session, tools: Tools, form_id: str) -> Sequence[dict[str, Any]]:
    """Return the answers to a form as they were given, each with how far its mail is."""
    given = answers_to(session, form_id)
    mails = states_of(session, [each.id for each in given])
    contents = tools.vault.open_many({each.id: Sealed(each.key_id, each.sealed) for each in given})
    return [
        {
            "id": each.id,
            "answered_at": each.answered_at,
            "answered_by": each.answered_by,
            "message": contents[each.id]["message"],
            "mail": mails.get(each.id),
        }
        for each in given
        if each.id in contents  # the others were erased a moment ago
    ]


def _hold(session: Session, form_id: str) -> ContactForm:
    """Return a form, held until the transaction ends: an erasure that began before is not overtaken."""
    form = records.form(session, form_id)
    lock_subject(session, [form.email_ref, *([form.phone_ref] if form.phone_ref else [])])
    form = records.form(session, form_id, again=True)
    if form.quarantined:
        raise ConflictError(QUARANTINED)
    if form.term_end is not None or is_being_erased(session, [form_id]):
        raise ConflictError(UNDER_ERASURE)
    return form
