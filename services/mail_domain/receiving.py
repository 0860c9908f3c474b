"""How mail to the clinic is protected on its way: where it goes (MX) and whether that is vouched for (DANE).

A server that sends to the clinic can only insist on TLS, and on whom it speaks to, where TLSA records say so and
DNSSEC vouches for them and for the MX (RFC 7672). Whether they fit the certificates of these servers is not tried.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from services.findings import look, well

if TYPE_CHECKING:
    from collections.abc import Iterator

    from services.findings import Finding
    from services.mail_domain.names import Answer, Names

USABLE = (2, 3)
"""DANE-TA and DANE-EE: between mail servers the other two count for nothing (RFC 7672 section 3.1.3)."""


def about_receiving(names: Names, domain: str) -> Iterator[Finding]:
    """Say whether answers arrive, and over a way that nobody in between can open."""
    mail_exchanges = names.ask(domain, "MX")
    hosts = sorted({str(record.exchange).rstrip(".").lower() for record in mail_exchanges.records})
    if not hosts:
        yield look("there is no MX, so answers may not arrive.")
    for host in hosts:
        if host:
            tlsa = names.ask(f"_25._tcp.{host}", "TLSA")
            yield _about_dane(host, mail_exchanges, tlsa)
        else:
            yield look("it says that it takes no mail (RFC 7505), so answers do not arrive.")


def _about_dane(host: str, mail_exchanges: Answer, tlsa: Answer) -> Finding:
    if not tlsa.records:
        return look(f"{host} has no TLSA record (DANE), so TLS on the way to it can be prevented.")
    if not any(record.usage in USABLE for record in tlsa.records):
        return look(f"{host} has no TLSA record that mail servers use: 3 1 1 is one (RFC 7672).")
    if not (mail_exchanges.vouched and tlsa.vouched):
        return look(f"{host} has a TLSA record (DANE), but this machine's resolver does not vouch for it by DNSSEC.")
    return well(f"{host} has a TLSA record (DANE), and DNSSEC vouches for it")
