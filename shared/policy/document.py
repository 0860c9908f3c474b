"""The policy as code asks for it, and as it is shown."""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Self

from shared.configuration import read_configuration
from shared.deadlines import add_period
from shared.errors import ConfigurationError
from shared.policy.parts import sooner
from shared.policy.schema import PolicySchema, policy_parts

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import date, datetime
    from pathlib import Path

    import sqlalchemy as sa
    from dateutil.relativedelta import relativedelta

    from shared.policy.cookies import Cookie
    from shared.policy.parts import Authority, Choices, Clinic, Clocks, Difference, Due, Ground, Recipient, Term
    from shared.policy.sites import Site
    from shared.propagation.register import Processor


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """What the clinic promises and what the law asks, in numbers and closed lists.

    ``hash`` is the SHA-256 of the file's exact bytes, in hex. ``terms`` go by data class, written
    ``<owner>.<class>``; ``dues`` by kind of decision; ``refusing`` and ``retaining`` are the only grounds on
    which anything is refused or kept; ``differences`` are where statement and law disagree (X1 to X5).
    """

    version: str
    statement: date
    hash: str
    clinic: Clinic
    authority: Authority
    choices: Choices
    terms: Mapping[str, Term]
    clocks: Clocks
    dues: Mapping[str, Due]
    refusing: Mapping[str, Ground]
    retaining: Mapping[str, Ground]
    recipients: Mapping[str, Recipient]
    differences: Mapping[str, Difference]
    sites: Mapping[str, Site]
    cookies: Mapping[str, Cookie]

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read and check the file.

        Raises ConfigurationError that names every key that is unknown, missing or wrong, every data class
        without a term, and every term that is shorter than the law or longer than the statement allows.
        """
        file = read_configuration(path, PolicySchema, partial(policy_parts, folder=path.parent))
        return cls(hash=hashlib.sha256(file.raw).hexdigest(), **file.made)

    def term(self, name: str) -> relativedelta:
        """Return how long data of a class are kept. Raises ConfigurationError when the policy has no such period."""
        term = self.terms.get(name)
        if term is None or term.period is None:
            raise ConfigurationError(f"The policy has no period for {name}.")
        return term.period.length

    def term_ends(self, name: str, start: datetime) -> datetime:
        """Return when the term of a class is over for data whose term started then (aware UTC)."""
        return add_period(start, self.term(name))

    def cookies_set_by(self, who: str) -> Mapping[str, Cookie]:
        """Return the cookies that this system (``discreet``) or one of the sites may set, by name."""
        return {name: cookie for name, cookie in self.cookies.items() if cookie.set_by == who}

    def site_at(self, origin: str) -> Site | None:
        """Return the clinic's website whose pages stand on this origin, if there is one."""
        return next((site for site in self.sites.values() if origin in site.origins), None)

    def own_store_due(self, kind: str) -> relativedelta:
        """Return within what time a service's own store answers a decision of this kind."""
        return self.dues[kind].own.length

    def processor_due(self, kind: str, processor: Processor) -> relativedelta:
        """Return within what time a processor answers: by its agreement or by this policy, whichever is sooner."""
        return sooner(self.dues[kind].processor, processor.answer_within).length

    def check_tables(self, *metadatas: sa.MetaData) -> None:
        """Refuse a table without a data class (``info={"term": ...}``), and a class without a term (P33).

        Raises ConfigurationError that names them all.
        """
        classes = {table.name: table.info.get("term") for metadata in metadatas for table in metadata.tables.values()}
        unclassed = sorted(name for name, term in classes.items() if term is None)
        undefined = sorted({term for term in classes.values() if term is not None} - set(self.terms))
        if unclassed or undefined:
            raise ConfigurationError(
                f"Tables without a data class: {', '.join(unclassed) or 'none'}. "
                f"Data classes without a term: {', '.join(undefined) or 'none'}."
            )

    def public(self) -> dict[str, Any]:
        """Return what anybody may read (P1): the same version and hash on every service, both values of X1 to X5."""
        return {
            "version": self.version,
            "hash": self.hash,
            "statement": self.statement.isoformat(),
            "clinic": {"name": self.clinic.name, "contact": self.clinic.contact},
            "authority": asdict(self.authority),
            "choices": self.choices.public(),
            "terms": {name: term.public() for name, term in self.terms.items()},
            "clocks": self.clocks.public(),
            "dues": {kind: {"own": due.own.text, "processor": due.processor.text} for kind, due in self.dues.items()},
            "grounds": {
                "refusing": {name: asdict(ground) for name, ground in self.refusing.items()},
                "retaining": {name: asdict(ground) for name, ground in self.retaining.items()},
            },
            "recipients": {name: asdict(recipient) for name, recipient in self.recipients.items()},
            "differences": {name: asdict(difference) for name, difference in self.differences.items()},
            "cookies": {name: asdict(cookie) for name, cookie in self.cookies.items()},
        }
