"""The kinds of problems, each explained to people in two languages; a program goes by the slug."""

from __future__ import annotations

from dataclasses import dataclass

from shared.wording import Both


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of problem; ``type`` is its stable name on this origin, where its page stands."""

    slug: str
    status: int
    title: Both
    meaning: Both

    @property
    def type(self) -> str:
        """The URI reference that a program goes by."""
        return f"/problems/{self.slug}"


KINDS = (
    Kind(
        "malformed-body",
        400,
        Both("Onleesbaar bericht", "Malformed message"),
        Both(
            "Wat is verstuurd kan niet worden gelezen als het soort bericht dat het zegt te zijn.",
            "What was sent cannot be read as the kind of message it says it is.",
        ),
    ),
    Kind(
        "unauthenticated",
        401,
        Both("Niet aangemeld", "Not signed in"),
        Both(
            "Hiervoor is een geldig bewijs van aanmelding nodig; het ontbreekt, is verlopen of klopt niet.",
            "This needs a valid token; it is missing, expired or wrong.",
        ),
    ),
    Kind(
        "forbidden",
        403,
        Both("Niet toegestaan", "Not allowed"),
        Both("Je bent bekend, maar je rol mag dit niet.", "You are known, but your role may not do this."),
    ),
    Kind(
        "not-found",
        404,
        Both("Niet gevonden", "Not found"),
        Both(
            "Op dit adres is niets, of niets dat je mag zien.",
            "There is nothing at this address, or nothing you may see.",
        ),
    ),
    Kind(
        "method-not-allowed",
        405,
        Both("Zo niet te gebruiken", "Method not allowed"),
        Both(
            "Dit adres bestaat, maar niet voor deze handeling; de kop Allow noemt wat wel kan.",
            "This address exists, but not for this method; the Allow header says what it takes.",
        ),
    ),
    Kind(
        "conflict",
        409,
        Both("Kan nu niet", "Conflict"),
        Both("De huidige stand van zaken laat dit niet toe.", "The present state does not allow this."),
    ),
    Kind(
        "gone",
        410,
        Both("Er niet meer", "Gone"),
        Both(
            "Dit is er geweest, en is gewist, afgesloten of al gebruikt.",
            "It was here, and was erased, closed or already used.",
        ),
    ),
    Kind(
        "precondition-failed",
        412,
        Both("Intussen gewijzigd", "Changed meanwhile"),
        Both(
            "Iemand anders heeft dit gewijzigd sinds je het las. Lees het opnieuw en probeer het dan.",
            "Somebody changed this since you read it. Read it again, then try.",
        ),
    ),
    Kind(
        "too-large",
        413,
        Both("Te groot", "Too large"),
        Both("Er is meer verstuurd dan hier wordt aangenomen.", "More was sent than is taken here."),
    ),
    Kind(
        "unsupported-media-type",
        415,
        Both("Verkeerd soort bericht", "Unsupported media type"),
        Both(
            "Het bericht is van een soort, tekenset of verpakking die hier niet wordt aangenomen.",
            "The message is of a media type, charset or encoding that is not taken here.",
        ),
    ),
    Kind(
        "invalid-input",
        422,
        Both("Niet goed ingevuld", "Invalid input"),
        Both(
            "Een of meer velden zijn niet goed ingevuld; bij elk veld staat waarom.",
            "One or more fields are not valid; each says why.",
        ),
    ),
    Kind(
        "precondition-required",
        428,
        Both("Zeg welke versie", "Say which version"),
        Both(
            "Wie wijzigt, moet in If-Match zeggen welke versie is gelezen.",
            "An edit must say in If-Match which version was read.",
        ),
    ),
    Kind(
        "too-many-requests",
        429,
        Both("Te vaak", "Too many requests"),
        Both(
            "Dit is in korte tijd te vaak gedaan. Wacht even en probeer het dan opnieuw.",
            "This was done too often in a short time. Wait a little, then try again.",
        ),
    ),
    Kind(
        "internal",
        500,
        Both("Er ging iets mis", "Something went wrong"),
        Both(
            "Dit ligt aan ons. Het is vastgelegd zonder je gegevens; probeer het later opnieuw.",
            "This is our fault. It was recorded without your data; try again later.",
        ),
    ),
    Kind(
        "outside-party",
        502,
        Both("Een andere partij antwoordt niet goed", "An outside party failed"),
        Both(
            "Een partij buiten dit systeem gaf geen bruikbaar antwoord.",
            "A party outside this system gave no usable answer.",
        ),
    ),
    Kind(
        "unavailable",
        503,
        Both("Tijdelijk niet beschikbaar", "Temporarily unavailable"),
        Both(
            "Een onderdeel kan nu niet antwoorden. Probeer het later opnieuw.",
            "A part of the system cannot answer now. Try again later.",
        ),
    ),
)
BY_SLUG = {kind.slug: kind for kind in KINDS}
BY_STATUS = {kind.status: kind for kind in KINDS}
