"""The words of the field, for what the services call by code: Dutch first, then English."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shared.wording import Both, text_in

if TYPE_CHECKING:
    from collections.abc import Mapping

    from shared.wording import Language

# `wissen` is what art. 17 AVG says of forms and newsletters, `vernietigen` art. 7:455 BW of the dossier.
KINDS = {
    "inquiry": Both("inventarisatie", "inquiry"),
    "unsubscribe": Both("afmelding nieuwsbrief", "newsletter unsubscription"),
    "erasure": Both("wissen of vernietigen", "erasure or destruction"),
    "term-end": Both("einde bewaartermijn", "end of the retention term"),
    "correction": Both("correctie", "correction"),
    "supplement": Both("aanvulling", "supplement"),
    "restriction": Both("beperking van de verwerking", "restriction of processing"),
    "objection": Both("bezwaar", "objection"),
    "withdrawal": Both("intrekking van toestemming", "withdrawal of consent"),
    "portability": Both("overdracht van gegevens", "data portability"),
    "access": Both("inzage", "access"),
    "copy": Both("afschrift", "copy"),
    "destruction": Both("vernietiging", "destruction"),
    "complaint": Both("klacht", "complaint"),
    "read": Both("nagaan of het is uitgevoerd", "check that it was carried out"),
}
SERVICES = {
    "intake": Both("Contactformulieren", "Contact forms"),
    "dossier": Both("Dossier", "Dossier"),
    "newsletter": Both("Nieuwsbrief", "Newsletter"),
    "requests": Both("Verzoeken", "Requests"),
    "console": Both("Deze schermen", "These pages"),
}
CATEGORIES = {
    "contact-forms": Both("contactformulier", "contact form"),
    "security-reports": Both("melding van een zwakke plek of misbruik", "report of a weakness or misuse"),
    "subscriptions": Both("inschrijving voor de nieuwsbrief", "newsletter subscription"),
    "rights-requests": Both("verzoek van een betrokkene", "request of a data subject"),
    "clients": Both("naam- en contactgegevens", "name and contact details"),
    "leads": Both("gegevens van een belangstellende", "details of somebody interested"),
    "contacts": Both("contactgeschiedenis", "contact history"),
    "contact-history": Both("contactgeschiedenis", "contact history"),
    "appointments": Both("afspraak", "appointment"),
    "quotes": Both("offerte", "quote"),
    "invoices": Both("factuur", "invoice"),
    "payments": Both("betaling", "payment"),
    "identifications": Both("vastgestelde identiteit", "identification"),
    "questionnaires": Both("medische vragenlijst", "medical questionnaire"),
    "agreements": Both("toestemmingsverklaring of overeenkomst", "consent or agreement"),
    "treatments": Both("behandeling", "treatment"),
    "reports": Both("verslag", "report"),
    "notes": Both("aantekening", "note"),
    "photos": Both("foto", "photo"),
}
DECIDERS = {
    "subject": Both("de betrokkene zelf", "the data subject"),
    "policy": Both("vast beleid: de termijn liep af", "the policy: the term ended"),
}
OUTCOMES = {
    "done": Both("uitgevoerd", "carried out"),
    "nothing-held": Both("niets aanwezig", "nothing held"),
    "not-addressed": Both("niet benaderd", "not told"),
    "retained": Both("blijft bewaard, op een grond", "kept, on a ground"),
    "refused": Both("geweigerd, met een grond", "refused, with a ground"),
    "closed-unconfirmed": Both("afgesloten zonder bevestiging", "closed without confirmation"),
    "failed": Both("poging mislukt", "attempt failed"),
    "unsupported": Both("kan dit nog niet", "cannot do this yet"),
    "waiting": Both("wacht op uitvoeringsbevestiging", "waits for a receipt"),
    "overdue": Both("te laat", "overdue"),
}
GRADES = {
    "processor-signed": Both("ondertekend door de verwerker", "signed by the processor"),
    "re-read": Both("opnieuw gelezen bij de verwerker", "looked again at the processor"),
    "api-confirmed": Both("bevestigd door de API van de verwerker", "confirmed by the processor's API"),
    "statement": Both("verklaring van een genoemd persoon", "statement of a named person"),
    "recounted": Both("eigen opslag, opnieuw geteld", "own store, counted again"),
}
SCOPES = {
    "own-forwarded-copies": Both(
        "gaat over de mails die wij zelf doorstuurden; niet over antwoorden, kopieën elders en reservekopieën",
        "is about the mails that we forwarded ourselves; not about replies, copies elsewhere and backups",
    ),
}
DECISION_STATES = {
    "open": Both("loopt", "open"),
    "closed": Both("afgerond", "closed"),
    "overdue": Both("te laat", "overdue"),
}
CASE_STATES = {
    "received": Both("ontvangen", "received"),
    "identity_pending": Both("twijfel over de identiteit", "identity in doubt"),
    "verified": Both("inventarisatie loopt", "inquiry under way"),
    "assessed": Both("klaar voor besluit", "ready for a decision"),
    "decided": Both("besloten, antwoord nog te bezorgen", "decided, answer to be delivered"),
    "executing": Both("wordt uitgevoerd", "being carried out"),
    "executed": Both("uitgevoerd, antwoord nog te bezorgen", "carried out, answer to be delivered"),
    "closed": Both("afgerond", "closed"),
}
TO_DO = {
    "received": Both("identiteit vaststellen", "establish the identity"),
    "identity_pending": Both("identiteit vaststellen", "establish the identity"),
    "verified": Both("niets: de diensten zoeken", "nothing: the services are looking"),
    "assessed": Both("besluiten", "decide"),
    "decided": Both("antwoord bezorgen", "deliver the answer"),
    "executing": Both("niets: het besluit wordt uitgevoerd", "nothing: the decision is being carried out"),
    "executed": Both("antwoord bezorgen", "deliver the answer"),
}
CASE_OUTCOMES = {
    "granted": Both("toegewezen", "granted"),
    "partly": Both("deels toegewezen", "granted in part"),
    "refused": Both("geweigerd", "refused"),
    "withdrawn": Both("ingetrokken door de betrokkene", "withdrawn by the data subject"),
}
CHANNELS = {
    "form": Both("formulier", "form"),
    "post": Both("post", "post"),
    "e-mail": Both("e-mail", "e-mail"),
    "counter": Both("balie", "counter"),
    "phone": Both("telefoon", "telephone"),
}
METHODS = {
    "counter": Both("aan de balie", "at the counter"),
    "known-account": Both("antwoord vanaf het bekende adres", "answer from the known address"),
    "call-back": Both("teruggebeld op het bekende nummer", "called back on the known number"),
    "masked-copy-seen": Both("afgeschermde kopie gezien, niet bewaard", "masked copy seen, not kept"),
}
DOCUMENTS = {
    "none-needed": Both("geen document nodig", "no document needed"),
    "passport": Both("paspoort", "passport"),
    "id-card": Both("identiteitskaart", "identity card"),
    "driving-licence": Both("rijbewijs", "driving licence"),
    "residence-document": Both("verblijfsdocument", "residence document"),
}
CHECKS = {
    "verified": Both("vastgesteld", "established"),
    "doubtful": Both(
        "twijfel: de betrokkene krijgt een bericht en de termijn staat stil",
        "in doubt: the data subject is told, and the term stands still",
    ),
    "failed": Both("niet gelukt", "failed"),
}
DOUBTS = {
    "contradicting-data": Both("gegevens spreken elkaar tegen", "the data contradict each other"),
    "unreadable-copy": Both("kopie niet te lezen", "the copy cannot be read"),
    "no-answer": Both("niemand te bereiken", "nobody could be reached"),
    "address-not-known": Both(
        "adres niet bekend als dat van deze persoon", "the address is not known as this person's"
    ),
    "document-expired": Both("document verlopen", "the document has expired"),
    "other": Both("anders", "other"),
}
EXTENSIONS = {
    "complexity": Both("het verzoek is ingewikkeld", "the request is complex"),
    "number": Both("er zijn meer verzoeken van deze persoon", "there are several requests of this person"),
}
LETTERS = {
    "receipt": Both("ontvangstbevestiging", "acknowledgement of the request"),
    "doubt": Both("bericht over de identiteit", "message about the identity"),
    "extension": Both("bericht over verlenging", "message about the extension"),
    "withdrawal": Both("bevestiging van de intrekking", "confirmation of the withdrawal"),
    "refusal": Both("weigering", "refusal"),
    "decision": Both("besluit, met wat er blijft", "decision, with what stays"),
    "confirmation": Both("uitvoeringsbevestiging aan de betrokkene", "confirmation to the data subject"),
}
GROUNDS = {
    "consent-withdrawn": Both("toestemming ingetrokken (art. 7(3) AVG)", "consent withdrawn (art. 7(3) AVG)"),
    "complaint": Both("als ongewenst gemeld door de betrokkene", "reported as unwanted by the data subject"),
    "address-unreachable": Both("het e-mailadres werkt niet meer", "the e-mail address no longer works"),
    "removed-at-provider": Both("verwijderd bij het e-mailprogramma", "removed at the e-mail programme"),
    "opted-out-under-new-address": Both(
        "afgemeld onder het nieuwe e-mailadres", "unsubscribed under the new e-mail address"
    ),
    "opted-out-and-back-at-programme": Both(
        "afgemeld, en toch weer ingeschreven bij het e-mailprogramma",
        "unsubscribed, and subscribed again at the e-mail programme all the same",
    ),
    "ContradictedError": Both(
        "de verwerker bevestigde het, maar bij het nalezen bleek het niet gebeurd",
        "the processor confirmed it, but read again it was not done",
    ),
}
"""Of decisions, and of attempts that failed by what stands before the colon. What the policy names is not here."""
CLOSING_REASONS = {
    "bankrupt": Both("de verwerker is failliet", "the processor is bankrupt"),
    "dissolved": Both("de verwerker bestaat niet meer", "the processor no longer exists"),
    "unreachable": Both("de verwerker is niet te bereiken", "the processor cannot be reached"),
    "no-answer": Both("de verwerker antwoordt niet", "the processor does not answer"),
    "system-gone": Both("het systeem van de verwerker is er niet meer", "the processor's system is gone"),
}
WAYS = {
    "mail": Both("per e-mail", "by e-mail"),
    "registered-post": Both("aangetekend per post", "by registered post"),
    "counter": Both("aan de balie", "at the counter"),
}
SUSPICIONS = {
    "trap": Both("een veld was ingevuld dat mensen niet zien", "a field was filled in that people do not see"),
    "no-proof": Both(
        "zonder het rekenwerk dat de website vraagt; een browser zonder JavaScript kan dat niet",
        "without the work that the website asks; a browser without JavaScript cannot do it",
    ),
    "too-fast": Both("binnen drie seconden ingevuld", "filled in within three seconds"),
    "links": Both("veel verwijzingen naar websites", "many links to websites"),
}
MAIL_STATES = {
    "waiting": Both("wacht op verzending", "waits to be sent"),
    "sent": Both("verzonden", "sent"),
    "parked": Both("niet aangenomen", "not taken"),
    "returned": Both("onbestelbaar teruggekomen", "came back undelivered"),
    "withdrawn": Both("ingetrokken", "taken back"),
}
INCIDENT_FINDINGS = {
    "unwanted": Both("geen echte melding", "no real report"),
    "nothing": Both("niets mis", "nothing wrong"),
    "weakness": Both("een zwakke plek, zonder gegevens van iemand", "a weakness, without anybody's data"),
    "breach-without-risk": Both("datalek zonder risico voor de betrokkenen", "breach without risk to the persons"),
    "breach-authority": Both("datalek, gemeld aan de toezichthouder", "breach, notified to the authority"),
    "breach-persons": Both(
        "datalek, gemeld aan de toezichthouder en de betrokkenen", "breach, told to the authority and the persons"
    ),
}
EDITION_SUBJECTS = {
    "offers": Both("aanbiedingen", "offers"),
    "products-and-services": Both("nieuwe producten en diensten", "new products and services"),
    "changes": Both("relevante wijzigingen", "relevant changes"),
}
EDITION_STATES = {
    "told": Both("verstuurd, wordt nagekeken", "sent, being looked up"),
    "asked": Both("wordt gepland", "being planned"),
    "scheduled": Both("gepland", "planned"),
    "sent": Both("verstuurd", "sent"),
}
KNOWN_BY = {
    "scheduled": Both("via ons gepland", "planned through us"),
    "webhook": Both("gezien: het programma meldde het", "watched: the programme told"),
    "poll": Both("gezien: bij het programma nagekeken", "watched: the programme was asked"),
}
AUDIENCES = {
    "whole-list": Both("naar de hele lijst", "to the whole list"),
    "part-of-list": Both("naar een deel van de lijst", "to a part of the list"),
    "more-than-list": Both("naar meer mensen dan onze lijst", "to more people than our list"),
    "another-list": Both("naar een andere lijst", "to another list"),
    "unknown": Both("onbekend naar wie hij gaat", "unknown whom it goes to"),
}
EDITION_WARNINGS = {
    "too-early": Both("binnen zes weken na de vorige", "within six weeks after the one before"),
    **{whom: text for whom, text in AUDIENCES.items() if whom != "whole-list"},
    "seed-unseen": Both("niet in de proefmailbox aangekomen", "did not reach the seed mailbox"),
    "seed-lacking": Both("afmelden is er niet eenvoudig:", "leaving is not simple in it:"),
}
SEEDS = {
    "waiting": Both("nog niet in de proefmailbox", "not in the seed mailbox yet"),
    "verified": Both("afmeldlink en koppen in orde", "link and headers to unsubscribe in order"),
    "alike": Both(
        "afmeldlink en koppen in orde in een mail die erop lijkt; niet gebleken dat die van het programma is",
        "link and headers to unsubscribe in order in a mail that looks like it; not shown to be the programme's",
    ),
}
LACKS = {
    "list-unsubscribe": Both("List-Unsubscribe ontbreekt", "List-Unsubscribe is missing"),
    "list-unsubscribe-post": Both("List-Unsubscribe-Post ontbreekt", "List-Unsubscribe-Post is missing"),
    "dkim": Both("geen DKIM-handtekening over deze koppen", "no DKIM signature over these headers"),
    "foot-link": Both("geen afmeldlink onderaan", "no link to unsubscribe at the foot"),
    "origin": Both("niet gebleken dat het van het programma is", "not shown to be the programme's"),
}
GROUPS: Mapping[str, Mapping[str, Both]] = {
    "kind": KINDS,
    "service": SERVICES,
    "category": CATEGORIES,
    "decider": DECIDERS,
    "outcome": OUTCOMES,
    "grade": GRADES,
    "scope": SCOPES,
    "decision-state": DECISION_STATES,
    "case-state": CASE_STATES,
    "to-do": TO_DO,
    "case-outcome": CASE_OUTCOMES,
    "channel": CHANNELS,
    "method": METHODS,
    "document": DOCUMENTS,
    "check": CHECKS,
    "doubt": DOUBTS,
    "extension": EXTENSIONS,
    "letter": LETTERS,
    "suspicion": SUSPICIONS,
    "way": WAYS,
    "closing-reason": CLOSING_REASONS,
    "mail-state": MAIL_STATES,
    "incident-finding": INCIDENT_FINDINGS,
    "edition-about": EDITION_SUBJECTS,
    "edition-state": EDITION_STATES,
    "known-by": KNOWN_BY,
    "edition-warning": EDITION_WARNINGS,
    "audience": AUDIENCES,
    "seed": SEEDS,
    "lack": LACKS,
}


def named(group: str, code: str) -> str:
    """Return the word for a code; one that these pages do not know yet is shown as it is."""
    return GROUPS[group].get(code, code)


def decision_name(kind: str, ground: str) -> str:
    """Return what a decision is called; what is destroyed rests on another article than what is erased."""
    if kind == "erasure" and "7:455" in ground:
        return Both("vernietigen en wissen", "destruction and erasure")
    if kind == "erasure" and "17 AVG" in ground:
        return Both("wissen", "erasure")
    return named("kind", kind)


def options(group: str, language: Language) -> list[tuple[str, str]]:
    """Return a group's codes with their words, to choose from."""
    return [(code, text_in(language, word)) for code, word in GROUPS[group].items()]
