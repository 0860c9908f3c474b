"""The mails to the clinic's security contact: which incident, by when, and where to read it (P91)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shared.deadlines import ZONE
from shared.mail import OutgoingMail

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from services.requests.incidents.records import Incident
    from shared.service import Tools

OPENED = """\
Er is een zwakke plek of misbruik gemeld: {reference}.
A weakness or misuse was reported: {reference}.

Is het een datalek, dan moet de toezichthouder dat weten voor {due}.
If it is a breach of personal data, the authority must know before {due}.

Lees de melding hier / Read the report here:
{link}
"""
REMINDER = """\
Deze meldingen zijn nog niet afgesloten. Na dit tijdstip is een datalek te laat gemeld.
These reports are not closed yet. After this time the notification of a breach is late.

{lines}
"""


def opened(tools: Tools, incident: Incident) -> OutgoingMail:
    """Return the mail about a new incident; what was reported is not in it."""
    return OutgoingMail(
        reason="legal",
        about=f"incident:{incident.id}",
        to=tools.policy.clinic.security,
        subject=f"Melding {incident.reference} / Report {incident.reference}",
        text=OPENED.format(reference=incident.reference, due=_due(incident), link=_link(tools, incident)),
    )


def reminders(tools: Tools, incidents: Sequence[Incident]) -> Iterator[OutgoingMail]:
    """Return the mails about incidents whose time is nearly over, to whoever is responsible."""
    lines = "\n".join(f"- {each.reference}: {_due(each)}, {_link(tools, each)}" for each in incidents)
    clinic = tools.policy.clinic
    for address in dict.fromkeys((clinic.security, clinic.privacy)):
        yield OutgoingMail(
            reason="legal",
            about="incident-clocks",
            to=address,
            subject="Meldingen die nog openstaan / Reports that are still open",
            text=REMINDER.format(lines=lines),
        )


def _due(incident: Incident) -> str:
    return f"{incident.due_at.astimezone(ZONE):%d-%m-%Y %H:%M}"


def _link(tools: Tools, incident: Incident) -> str:
    return f"{tools.settings.public_url}/console/incidents/{incident.id}"
