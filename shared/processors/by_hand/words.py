"""What a processor's contact reads, in Dutch and in English; the mail itself holds no personal data."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shared.mail import OutgoingMail
from shared.wording import Both, day_in

if TYPE_CHECKING:
    from datetime import date

    from shared.policy.parts import Clinic
    from shared.propagation.register import Contact
    from shared.wording import Language

ACTIONS = {
    "erasure": Both(
        "Wis alle gegevens van deze persoon die je voor ons hebt, ook in kopieën en bij wie je zelf inschakelt.",
        "Erase all data of this person that you have for us, also in copies and at those you use yourself.",
    ),
    "term-end": Both(
        "De bewaartermijn is voorbij. Wis de gegevens van deze persoon die je voor ons hebt, ook in kopieën.",
        "The retention period is over. Erase the data of this person that you have for us, also in copies.",
    ),
    "correction": Both(
        "Verbeter de gegevens van deze persoon zoals hieronder staat.",
        "Correct the data of this person as shown below.",
    ),
    "restriction": Both(
        "Gebruik de gegevens van deze persoon voorlopig niet. Bewaar ze wel.",
        "Do not use the data of this person for the time being. Do keep them.",
    ),
    "objection": Both(
        "Deze persoon maakt bezwaar. Gebruik de gegevens niet meer voor dat doel.",
        "This person objects. Stop using the data for that purpose.",
    ),
    "withdrawal": Both(
        "Deze persoon trekt de toestemming in. Stop met alles wat daarop berust.",
        "This person withdraws consent. Stop everything that rests on it.",
    ),
    "unsubscribe": Both("Stuur deze persoon geen nieuwsbrief meer.", "Send this person no more newsletters."),
    "portability": Both(
        "Geef ons een kopie van de gegevens die je van deze persoon hebt, in een bestand dat een computer kan lezen.",
        "Give us a copy of the data that you have of this person, in a file that a computer can read.",
    ),
}
ANYTHING_ELSE = Both("Doe wat we hierover hebben afgesproken.", "Do what we have agreed on for this.")

SUBJECT = {
    "name": Both("Naam", "Name"),
    "first_name": Both("Voornaam", "First name"),
    "email": Both("E-mailadres", "E-mail address"),
    "more_emails": Both("Andere e-mailadressen", "Other e-mail addresses"),
    "phone": Both("Telefoonnummer", "Telephone number"),
    "address": Both("Adres", "Address"),
    "labels": Both("Kenmerk", "Reference"),
}

CATEGORIES = {
    "contact-forms": Both("contactformulieren", "contact forms"),
    "security-reports": Both("meldingen van een zwakke plek", "reports of a weakness"),
    "subscriptions": Both("inschrijvingen voor de nieuwsbrief", "newsletter subscriptions"),
    "clients": Both("naam- en contactgegevens", "names and contact details"),
    "contacts": Both("contactgeschiedenis", "contact history"),
    "appointments": Both("afspraken", "appointments"),
    "questionnaires": Both("vragenformulieren", "questionnaires"),
    "agreements": Both("behandelovereenkomsten", "treatment agreements"),
    "treatments": Both("behandelingen", "treatments"),
    "reports": Both("rapportages", "reports"),
    "notes": Both("notities", "notes"),
    "photos": Both("foto's", "photos"),
    "quotes": Both("offertes", "quotes"),
    "invoices": Both("facturen", "invoices"),
    "payments": Both("betalingen", "payments"),
}

OUTCOMES = {
    "done": Both("Gedaan", "Done"),
    "nothing-held": Both("We hadden niets van deze persoon", "We had nothing of this person"),
    "retained": Both("We moeten iets bewaren", "We have to keep something"),
    "refused": Both("We doen het niet", "We will not do it"),
}

TEXTS: dict[Language, str] = {
    "nl": """Beste {name},

{clinic} vraagt je iets te doen met gegevens die je in opdracht van ons verwerkt.
Wat, en om wie het gaat, staat achter deze link. Daar zeg je ook wat je hebt gedaan:

{address}

Antwoord graag uiterlijk op {due}. De link werkt tot {expires}
en is alleen voor jou: stuur hem niet door. Vragen? Antwoord op dit bericht.
""",
    "en": """Dear {name},

{clinic} asks you to do something with data that you process on our behalf.
What, and whom it is about, is behind this link. There you also say what you have done:

{address}

Please answer by {due}. The link works until {expires}
and is for you alone: do not pass it on. Questions? Reply to this message.
""",
}


def task_mail(
    *, about: str, contact: Contact, clinic: Clinic, address: str, due: date, expires: date, again: bool
) -> OutgoingMail:
    """Return the mail with a link to a task; ``again`` makes it a reminder."""
    filled = {"name": contact.name, "clinic": clinic.name, "address": address}
    texts = (
        text.format(**filled, due=day_in(language)(due), expires=day_in(language)(expires))
        for language, text in TEXTS.items()
    )
    dutch, english = ("Herinnering: taak", "Reminder: task") if again else ("Taak", "Task")
    return OutgoingMail(
        reason="legal",
        about=about,
        to=contact.email,
        subject=f"{dutch} van / {english} from {clinic.name}",
        text="\n---\n\n".join(texts),
    )
