"""Whether the clinic's domain is ready for mail: who may send in its name, and how what is sent to it is protected.

Looked up when somebody asks (``discreet doctor``); what could not be looked up is said to be so, and never guessed.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from services.findings import look, well
from services.mail_domain.dkim import about_dkim
from services.mail_domain.names import Names
from services.mail_domain.receiving import about_receiving
from services.mail_domain.sending import about_dmarc, about_spf
from shared.errors import RetryableError
from shared.identity import normalise_email
from shared.policy import Policy

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import dns.resolver

    from services.findings import Finding
    from shared.settings import Settings


def mail_domain(settings: Settings, resolver: dns.resolver.Resolver | None = None) -> Iterator[Finding]:
    """Say what the world can look up about mail from the clinic and to it; ``resolver`` stands in for the machine's."""
    if settings.smtp_url is None:
        yield well("Mail goes into a folder of this machine, so the domain it is from was not looked up.")
        return
    clinic = Policy.load(settings.policy).clinic
    try:
        names = Names(resolver) if resolver else Names.of_this_machine()
    except RetryableError as error:
        yield look(f"The mail domain could not be looked up: {error.detail}.")
        return
    [sender] = _domains(clinic.sender)
    yield from _looked_up(f"SPF of {sender}", partial(about_spf, names, sender))
    yield from _looked_up(f"DKIM of {sender}", partial(about_dkim, names, sender, clinic.dkim_selectors))
    yield from _looked_up(f"DMARC of {sender}", partial(about_dmarc, names, sender))
    for domain in _domains(clinic.contact, clinic.forms, clinic.privacy, clinic.security):
        yield from _looked_up(f"Mail to {domain}", partial(about_receiving, names, domain))


def _looked_up(what: str, about: Callable[[], Iterator[Finding]]) -> Iterator[Finding]:
    try:
        for finding in about():
            yield type(finding)(finding.well, f"{what}: {finding.text}")
    except RetryableError as error:
        yield look(f"{what}: could not be looked up ({error.detail}).")


def _domains(*addresses: str) -> list[str]:
    """Return the domains of these addresses, each once."""
    return list(dict.fromkeys(normalise_email(address).rpartition("@")[2] for address in addresses))
