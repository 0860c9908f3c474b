"""Asking the DNS: what is there, what is certainly not, and whether a resolver vouches for that by DNSSEC."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import dns.exception
import dns.flags
import dns.resolver

from shared.errors import RetryableError

if TYPE_CHECKING:
    from collections.abc import Sequence

SECONDS = 4  # a name, in all: whoever waits for the doctor is a person
UDP = 1232  # octets that pass everywhere in one piece (DNS Flag Day 2020)


@dataclass(frozen=True, slots=True)
class Answer:
    """The records under a name, if there are any; ``vouched`` when the resolver says that their signatures hold.

    That word is worth as much as the resolver and the way to it (RFC 4035 section 4.9.3).
    """

    records: Sequence[Any]
    vouched: bool


class Names:
    """Asks one resolver."""

    def __init__(self, resolver: dns.resolver.Resolver) -> None:
        self._resolver = resolver
        self._resolver.use_edns(0, dns.flags.DO, UDP)

    @classmethod
    def of_this_machine(cls) -> Self:
        """Ask whom the machine asks. Raises RetryableError when it has nobody to ask."""
        try:
            resolver = dns.resolver.Resolver()
        except dns.exception.DNSException:
            raise RetryableError("this machine has no resolver") from None
        resolver.lifetime = SECONDS
        return cls(resolver)

    def ask(self, name: str, kind: str) -> Answer:
        """Return what is there. Raises RetryableError when nobody can say."""
        try:
            found = self._resolver.resolve(f"{name}.", kind, raise_on_no_answer=False, search=False)
        except dns.resolver.NXDOMAIN:
            return Answer((), vouched=False)
        except dns.resolver.LifetimeTimeout:
            raise RetryableError("no answer from the resolver") from None
        except (dns.exception.DNSException, OSError) as error:
            raise RetryableError(f"the resolver cannot say: {type(error).__name__}") from None
        return Answer(tuple(found.rrset or ()), vouched=bool(found.response.flags & dns.flags.AD))

    def texts(self, name: str) -> Sequence[str]:
        """Return the TXT records, the strings of each joined as SPF, DKIM and DMARC read them. Raises as ``ask``."""
        records = self.ask(name, "TXT").records
        return [b"".join(record.strings).decode("utf-8", "replace") for record in records]


def tags_of(text: str) -> dict[str, str]:
    """Read ``a=b; c=d``, as DKIM and DMARC write it; blanks inside a value are none of it (RFC 6376 section 3.2)."""
    pairs = (part.partition("=") for part in text.split(";"))
    return {name.strip().lower(): "".join(value.split()) for name, sign, value in pairs if sign}
