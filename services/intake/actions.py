"""Taking contact forms in, forwarding them, and ending them."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

from services.intake import hosts, letters, records
from services.intake.records import CATEGORY
from services.intake.rules import forwarding_mail
from shared.database import lock_subject
from shared.deadlines import local_date
from shared.errors import NotFoundError
from shared.events import ContactFormReceived, RecordRef
from shared.labels import new_label
from shared.propagation import decisions, transfers
from shared.vault import Sealed

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from sqlalchemy.orm import Session

    from services.intake.records import ContactForm
    from shared.service import Tools
    from shared.wording import Language

FILLED_IN = ("name", "first_name", "email", "phone", "subject", "message")


def submit(
    session: Session,
    tools: Tools,
    content: Mapping[str, Any],
    *,
    language: Language,
    now: datetime,
    via_host: bool,
    site: str | None = None,
    suspected: Sequence[str] = (),
) -> str:
    """Store a form, have it forwarded, and announce it; return its reference.

    ``via_host``: the website's host had it before we did. One that may be unwanted is stored and goes nowhere until
    somebody has looked at it.
    Raises InvalidInputError for an address or a number that cannot be one.
    """
    phone = content.get("phone")
    refs = [tools.refs.email(content["email"]), *([tools.refs.phone(phone)] if phone else [])]
    lock_subject(session, refs)
    form_id, reference = str(uuid.uuid4()), new_label("F")
    filled = {name: content.get(name) for name in FILLED_IN}
    if content["newsletter"]:
        filled["newsletter_text"] = content.get("newsletter_text")
    sealed = tools.vault.seal(form_id, filled)
    records.keep(
        session,
        id=form_id,
        reference=reference,
        email_ref=refs[0],
        phone_ref=refs[1] if phone else None,
        language=language,
        newsletter=content["newsletter"],
        privacy_version=content.get("privacy_version") or tools.policy.statement.isoformat(),
        received_at=now,
        site=site,
        suspected=" ".join(suspected) or None,
        sealed=sealed.ciphertext,
        key_id=sealed.key_id,
    )
    for host in hosts.website_hosts(tools.register) if via_host else ():
        transfers.record(session, host.id, CATEGORY, [form_id], now=now)
    if not suspected:
        received = ContactFormReceived(form=form_id, newsletter=content["newsletter"])
        _pass_on(session, tools, received, reference, filled, now=now)
    return reference


def release(session: Session, tools: Tools, form_id: str, by: str, *, now: datetime) -> None:
    """Let a form out of quarantine: from here on it is like any other. Again, it changes nothing.

    Raises GoneError, NotFoundError, KeyDestroyedError.
    """
    form = records.form(session, form_id)
    lock_subject(session, [form.email_ref, *([form.phone_ref] if form.phone_ref else [])])
    if records.release(session, form_id, by, now) is not None:
        session.refresh(form)
        received = ContactFormReceived(form=form_id, newsletter=form.newsletter)
        _pass_on(session, tools, received, form.reference, open_form(tools, form), now=now)


def open_form(tools: Tools, form: ContactForm) -> dict[str, Any]:
    """Return what was filled in. Raises KeyDestroyedError."""
    return tools.vault.open(form.id, Sealed(form.key_id, form.sealed))


def claim(session: Session, tools: Tools, form_id: str) -> dict[str, Any]:
    """Return what the newsletter may know of a sender who ticked it. Raises GoneError, NotFoundError."""
    form = records.form(session, form_id)
    content = open_form(tools, form)
    if not form.newsletter:
        raise NotFoundError("The sender did not ask for the newsletter.")
    first_name = content["first_name"] or content["name"].split()[0]
    return {
        "first_name": first_name[:60],
        "email": content["email"],
        "language": form.language,
        "privacy_version": form.privacy_version,
        "newsletter_text": content.get("newsletter_text"),
    }


def mark_handled(session: Session, form_id: str, by: str, *, now: datetime) -> None:
    """Note that somebody dealt with a form; the first one stays noted."""
    form = records.form(session, form_id)
    if form.handled_at is None:
        form.handled_at, form.handled_by = now, by


def decide_term_end(session: Session, tools: Tools, form: ContactForm, *, now: datetime) -> None:
    """Decide that a form's time is over, here and at whoever has a copy (P53, P99)."""
    decision_id = str(uuid.uuid4())
    if not records.claim_end(session, form.id, decision_id):
        return
    decisions.take(
        session,
        tools,
        "term-end",
        decision_id=decision_id,
        refs=[],
        ground="intake.form",
        decided_by="policy",
        now=now,
        records=[RecordRef(service=tools.name, category=CATEGORY, id=form.id)],
    )


def _pass_on(
    session: Session,
    tools: Tools,
    received: ContactFormReceived,
    reference: str,
    content: Mapping[str, Any],
    *,
    now: datetime,
) -> None:
    """Queue the mail to the clinic, and announce the form.

    The mail's host gets only the reference, unless the policy says that the text itself is mailed, and it may get it.
    """
    through = hosts.mail_hosts(tools.register)
    may_have_it = hosts.may_get_the_text(through, local_date(now))
    full_text = may_have_it and tools.policy.choices.forwarded_forms == "full-text"
    mail = letters.forwarded(tools, received.form, reference, content if full_text else None)
    tools.mail.queue(session, mail, now=now, mail_id=forwarding_mail(received.form))
    if full_text:
        for host in through:
            transfers.record(session, host.id, CATEGORY, [received.form], now=now)
    tools.outbox.publish(session, received, now=now)
