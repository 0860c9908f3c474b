"""The mail that brings a contact form to the clinic (P52, P59), and the one that answers it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from shared.mail import OutgoingMail

if TYPE_CHECKING:
    from collections.abc import Mapping

    from services.intake.records import ContactForm
    from shared.service import Tools

REFERENCE_ONLY = """\
Er is een contactformulier binnengekomen: {reference}.
A contact form has come in: {reference}.

Lees het hier / Read it here:
{link}

De inhoud staat niet in deze e-mail: zij kan over gezondheid gaan.
Its content is not in this e-mail, because it may be about health.
"""
FULL_TEXT = """\
{reference}

Naam / Name: {name}
E-mail: {email}
Telefoon / Telephone: {phone}
Onderwerp / Subject: {subject}

{message}
"""

ANSWERED = {
    "nl": ("Antwoord op je bericht {reference}", "Dit is een antwoord op je bericht {reference} aan {clinic}."),
    "en": ("Answer to your message {reference}", "This answers your message {reference} to {clinic}."),
}


def forwarded(tools: Tools, form_id: str, reference: str, content: Mapping[str, Any] | None) -> OutgoingMail:
    """Return the mail about a form: its reference and a link or, with ``content``, its whole text unchanged."""
    link = f"{tools.settings.public_url}/console/forms/{form_id}"
    if content is None:
        text, answer_to = REFERENCE_ONLY.format(reference=reference, link=link), None
    else:
        shown = {name: content[name] or "-" for name in ("name", "email", "phone", "subject", "message")}
        text, answer_to = FULL_TEXT.format(reference=reference, **shown), content["email"]
    return OutgoingMail(
        reason="requested",
        about=form_id,
        to=tools.policy.clinic.forms,
        subject=f"Contactformulier {reference} / Contact form {reference}",
        text=text,
        reply_to=answer_to,
    )


def answering(tools: Tools, form: ContactForm, email: str, message: str) -> OutgoingMail:
    """Return the mail that answers a form: what somebody wrote, and nothing of what the form said."""
    subject, footer = ANSWERED["en" if form.language == "en" else "nl"]
    told = footer.format(reference=form.reference, clinic=tools.policy.clinic.name)
    return OutgoingMail(
        reason="service",
        about=form.id,
        to=email,
        subject=subject.format(reference=form.reference),
        text=f"{message.rstrip()}\n\n{told}\n",
    )
