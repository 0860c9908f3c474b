"""What programs do about people without anybody looking first, what follows from it, and whom it can be taken to (P57).

None of it decides on a request, and none refuses care: people do that (art. 22 AVG). A test holds the list against the
jobs that the services have.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from shared.wording import Both

if TYPE_CHECKING:
    from collections.abc import Collection


@dataclass(frozen=True, slots=True, kw_only=True)
class AutomaticAct:
    """One of them: what is done by which service, what it means for a person, and what people do about it.

    ``jobs`` names the timed jobs by which it is done; what is done at once, when somebody acts, has none.
    """

    id: str
    service: str
    done: Both
    effect: Both
    people: Both
    jobs: Collection[str] = ()


ASK = Both("Vraag het de kliniek; een medewerker kijkt ernaar.", "Ask the clinic; a member of staff looks at it.")
ERASED = Both(
    "Het is daarna nergens meer; in de privacyverklaring staat na hoeveel tijd.",
    "It is nowhere after that; the privacy statement says after how long.",
)

ACTS = (
    AutomaticAct(
        id="forwarding",
        service="intake",
        done=Both(
            "Een contactformulier wordt doorgestuurd aan de kliniek, zonder er iets aan te veranderen.",
            "A contact form is passed on to the clinic, with nothing in it changed.",
        ),
        effect=Both("Niets wordt beoordeeld of berekend.", "Nothing is judged or calculated."),
        people=Both("Een medewerker leest en beantwoordt het.", "A member of staff reads and answers it."),
    ),
    AutomaticAct(
        id="quarantine",
        service="intake",
        done=Both(
            "Een contactformulier of melding die door een robot lijkt te zijn verstuurd wordt apart gelegd: door hoe "
            "het is ingevuld en om de links erin, nooit om wie het stuurde.",
            "A contact form or report that seems to be sent by a robot is put aside: by how it was filled in and for "
            "the links in it, never for who sent it.",
        ),
        effect=Both("Een antwoord kan langer duren.", "An answer can take longer."),
        people=Both(
            "Een medewerker kijkt ernaar en stuurt het alsnog door; niets wordt weggegooid voordat de termijn om is.",
            "A member of staff looks at it and passes it on; nothing is thrown away before its term is over.",
        ),
    ),
    AutomaticAct(
        id="limits",
        service="intake",
        done=Both(
            "Wie heel vaak achter elkaar een formulier verstuurt, moet even wachten.",
            "Whoever sends a form very often in a row has to wait a while.",
        ),
        effect=Both(
            "Het formulier wordt niet aangenomen, en zegt wanneer het weer kan.",
            "The form is not taken, and says when it will be again.",
        ),
        people=Both("Bel of mail de kliniek.", "Call or mail the clinic."),
    ),
    AutomaticAct(
        id="form-terms",
        service="intake",
        done=Both(
            "Een kopie van een contactformulier wordt gewist als de termijn om is, ook de doorgestuurde.",
            "A copy of a contact form is erased when its term is over, the forwarded one too.",
        ),
        effect=ERASED,
        people=ASK,
        jobs=("end the terms of contact forms",),
    ),
    AutomaticAct(
        id="confirmation",
        service="newsletter",
        done=Both(
            "Wie een e-mailadres opgeeft voor de nieuwsbrief, krijgt daar een e-mail met de vraag het te bevestigen: "
            "hoogstens één per uur en drie voordat de link verloopt. Een formulier waarvan het veld is ingevuld dat "
            "alleen robots zien, telt niet.",
            "Whoever enters an e-mail address for the newsletter gets a mail there that asks to confirm it: one an "
            "hour at most, and three before the link expires. A form in which the field is filled that only robots "
            "see does not count.",
        ),
        effect=Both(
            "Wie bevestigt krijgt de nieuwsbrief, van het programma dat hem verstuurt; een aanmelding die niet wordt "
            "bevestigd, wordt gewist.",
            "Whoever confirms gets the newsletter, from the programme that sends it; a sign-up that is not confirmed "
            "is erased.",
        ),
        people=Both("Antwoord op die e-mail; mensen lezen hem.", "Answer that mail; people read it."),
        jobs=(
            "claim sign-ups from contact forms",
            "take in sign-ups that waited",
            "expire unconfirmed sign-ups",
        ),
    ),
    AutomaticAct(
        id="leaving",
        service="newsletter",
        done=Both(
            "Wie zich afmeldt, hier of bij het programma dat de nieuwsbrief verstuurt, krijgt hem niet meer; ook na "
            "een klacht over spam en als het adres niet werkt. De lijsten worden elke dag vergeleken.",
            "Whoever unsubscribes, here or at the programme that sends the newsletter, gets it no more; so after a "
            "complaint about spam, and where the address does not work. The lists are compared every day.",
        ),
        effect=Both("De inschrijving eindigt.", "The subscription ends."),
        people=Both(
            "Opnieuw aanmelden kan altijd, of laat het een medewerker uitzoeken.",
            "Signing up again is always possible, or have a member of staff find out.",
        ),
        jobs=(
            "ask programmes that have no webhooks",
            "compare the programme's list with ours",
            "read mail that came back",
        ),
    ),
    AutomaticAct(
        id="newsletter-terms",
        service="newsletter",
        done=Both(
            "De gegevens van een beëindigde inschrijving worden gewist, ook bij dat programma.",
            "The data of a subscription that ended are erased, at that programme too.",
        ),
        effect=ERASED,
        people=ASK,
        jobs=("end the terms of ended subscriptions",),
    ),
    AutomaticAct(
        id="dossier-terms",
        service="dossier",
        done=Both(
            "Facturen, contactgeschiedenis en gegevens van wie geen cliënt werd worden gewist als de termijn om is.",
            "Invoices, contact history and details of whoever did not become a client are erased when their term is "
            "over.",
        ),
        effect=ERASED,
        people=Both(
            "Een medisch dossier wordt nooit vanzelf vernietigd: een arts tekent daarvoor.",
            "A medical record is never destroyed by itself: a physician signs for that.",
        ),
        jobs=("end the terms of invoices", "end the terms of contact history", "end the terms of leads"),
    ),
    AutomaticAct(
        id="receipts",
        service="requests",
        done=Both(
            "Op een verzoek over je gegevens volgt een ontvangstbevestiging. Medewerkers horen van een verzoek of een "
            "melding, en worden aan de termijn herinnerd.",
            "A request about your data is answered with a confirmation of receipt. Staff hear of a request or a "
            "report, and are reminded of the time they have.",
        ),
        effect=Both("Er wordt niets mee beslist.", "Nothing is decided by it."),
        people=Both(
            "Over elk verzoek beslist een mens, met naam vastgelegd.",
            "A person decides on every request, and is noted by name.",
        ),
        jobs=("mail receipts that were held back", "watch the clocks of requests", "remind of open incidents"),
    ),
    AutomaticAct(
        id="carrying-out",
        service="requests",
        done=Both(
            "Wat een mens op een verzoek besliste wordt uitgevoerd bij iedereen die iets van je heeft, en zo nodig "
            "opnieuw gevraagd tot het klaar is.",
            "What a person decided on a request is carried out at everybody who has something of you, and asked again "
            "where needed until it is done.",
        ),
        effect=Both(
            "De brief zegt wat door wie is gedaan, en hoe dat bekend is.",
            "The letter says what was done by whom, and how that is known.",
        ),
        people=ASK,
        jobs=("remind of overdue answers", "follow up what processors kept", "say unregistered decisions again"),
    ),
    AutomaticAct(
        id="file-terms",
        service="requests",
        done=Both(
            "Het dossier van een verzoek of een melding wordt gewist als de termijn om is.",
            "The file of a request or a report is erased when its term is over.",
        ),
        effect=ERASED,
        people=ASK,
        jobs=("end the terms of requests", "end the terms of incidents", "end the term of the journal"),
    ),
)
