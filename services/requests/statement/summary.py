"""What stands in for the clinic's own text as long as it gave none: a summary of what the system is set to do."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from services.requests.cases.letters import period_in
from services.requests.statement.versions import Statement
from shared.settings import SERVICES
from shared.wording import Both, text_in

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shared.policy import Policy
    from shared.policy.parts import Term
    from shared.propagation.register import Processor, Register
    from shared.wording import Language

TEXTS = Path(__file__).parent.parent / "templates" / "statement"
FROM = {
    "receipt": Both("vanaf de ontvangst", "from its receipt"),
    "sign-up": Both("vanaf de aanmelding", "from the sign-up"),
    "sending": Both("vanaf de verzending", "from its sending"),
    "writing": Both("vanaf het vastleggen", "from its writing"),
    "last-contact": Both("vanaf het laatste contact", "from the last contact"),
    "last-use": Both("vanaf het laatste gebruik", "from its last use"),
    "end": Both("vanaf het einde", "from its end"),
    "erasure": Both("vanaf het wissen", "from the erasure"),
    "closing": Both("vanaf de afsluiting", "from its closing"),
    "financial-year-end": Both("vanaf het einde van het boekjaar", "from the end of the financial year"),
    "last-medical-change": Both("vanaf de laatste medische wijziging", "from the last medical change"),
}
WHILE = {
    "subscribed": Both("zolang je bent ingeschreven", "as long as you are subscribed"),
    "record-kept": Both("zolang het dossier wordt bewaard", "as long as the record is kept"),
}
ROLES = {
    "bookkeeper": Both("administratiekantoor", "bookkeeper"),
    "crm": Both("programma voor het medisch dossier", "programme for the medical record"),
    "website-host": Both("hosting van de website", "hosting of the website"),
    "mail-host": Both("hosting van e-mail", "hosting of e-mail"),
    "newsletter": Both("programma voor de nieuwsbrief", "programme for the newsletter"),
    "staff-tool": Both("hulpmiddel van medewerkers", "tool of staff"),
    "other": Both("andere dienstverlener", "other service provider"),
}
GROUNDS = {
    "adequacy": Both("een adequaatheidsbesluit", "an adequacy decision"),
    "scc": Both("standaardcontractbepalingen", "standard contractual clauses"),
}


def summarise(
    policy: Policy, register: Register, language: Language, *, requests_at: str, reports_at: str
) -> Statement:
    """Write the summary, with the addresses of the forms for rights requests and for reports of a weakness."""
    text = (
        _texts()
        .get_template(f"summary.{language}.txt")
        .render(
            policy=policy,
            kept=list(_kept(policy, language)),
            processors=[_processor(each, language) for each in register if each.status == "active"],
            others=[getattr(each, language) for each in policy.recipients.values()],
            answer=period_in(language, policy.clocks.answer.length),
            extension=period_in(language, policy.clocks.extension.length),
            requests_at=requests_at,
            reports_at=reports_at,
        )
    )
    return Statement(since=policy.statement, language=language, content=text.encode(), summary=True)


def _kept(policy: Policy, language: Language) -> Iterator[str]:
    """Say how long what services hold about people is kept, class by class."""
    for name, term in policy.terms.items():
        if name.split(".")[0] in SERVICES and term.lasting != "installed":
            yield f"{getattr(term, language)}: {_term(term, language)}"


def _term(term: Term, language: Language) -> str:
    if term.period and term.start:
        return f"{period_in(language, term.period.length)} {text_in(language, FROM[term.start])}"
    return text_in(language, WHILE[str(term.lasting)])


def _processor(processor: Processor, language: Language) -> str:
    role = text_in(language, ROLES[processor.role])
    if processor.transfer_ground == "none":
        return role
    ground = text_in(language, GROUNDS[processor.transfer_ground])
    return text_in(
        language,
        Both(
            f"{role}, buiten de Europese Economische Ruimte ({processor.country}) op grond van {ground}",
            f"{role}, outside the European Economic Area ({processor.country}) on the ground of {ground}",
        ),
    )


@cache
def _texts() -> Environment:
    return Environment(  # noqa: S701 - plain text, nothing to escape
        loader=FileSystemLoader(TEXTS), undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
