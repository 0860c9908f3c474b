"""The services as the console sees them: HTTP with a fresh token for whoever is signed in, and typed answers."""

from __future__ import annotations

import re
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec
import requests

from services.console.dossier_schemas import Client, Contact, FoundClient, FoundClients, Invoice
from services.console.schemas import (
    CaseDetail,
    CaseList,
    ClosureList,
    ContactForm,
    ContactFormList,
    DecisionDetail,
    DecisionList,
    DraftList,
    EditionList,
    FormAttemptList,
    Incident,
    IncidentList,
    IncidentSummary,
    LetterText,
    RefusedMails,
    SecurityReport,
)
from shared.auth import issue_token
from shared.errors import (
    ConflictError,
    DiscreetError,
    ForbiddenError,
    GoneError,
    InvalidInputError,
    NotFoundError,
    TooLargeError,
    TooManyRequestsError,
    UnavailableError,
)
from shared.wording import Both

if TYPE_CHECKING:
    from collections.abc import Mapping

    from services.console.records import Account
    from shared.clock import Clock
    from shared.events import ServiceName
    from shared.settings import Settings
    from shared.signing import SigningKey
    from shared.wording import Language

TIMEOUT = (3, 10)  # seconds to connect, to read
MOST_AT_ONCE = 5
"""Embedded, the services answer from the same eight threads: some must stay free or every page waits for itself."""

AnswerT = TypeVar("AnswerT")
ERRORS: dict[int, type[DiscreetError]] = {
    403: ForbiddenError,
    404: NotFoundError,
    409: ConflictError,
    410: GoneError,
    413: TooLargeError,
}
VERSION = re.compile(r'"[0-9]{1,9}"')
KEY = re.compile(r"[0-9a-f-]{36}")


@dataclass(frozen=True, slots=True)
class Caller:
    """In whose name a service is asked, and in which language it gives its reasons."""

    account: Account
    language: Language


class Backend:
    """Asks the services in somebody's name: forms of the intake, records of the dossier, editions, and requests.

    Every method raises UnavailableError when the service cannot be reached or gives no sensible answer,
    and otherwise the error that the service's answer stands for.
    """

    def __init__(self, settings: Settings, key: SigningKey, clock: Clock) -> None:
        self._settings = settings
        self._key = key
        self._clock = clock
        self._free = threading.BoundedSemaphore(MOST_AT_ONCE)

    def decisions(self, caller: Caller, wanted: Mapping[str, str], *, cursor: str | None, limit: int) -> DecisionList:
        """Return decisions, the latest first; ``wanted`` may have ``state``, ``kind`` and ``case``."""
        return self._read(
            caller, "POST", "decisions/search", DecisionList, json=dict(wanted), params=_page(cursor, limit)
        )

    def decision(self, caller: Caller, decision_id: str) -> DecisionDetail:
        """Return one decision with every answer it waits for."""
        return self._read(caller, "GET", f"decisions/{decision_id}", DecisionDetail)

    def proof(self, caller: Caller, decision_id: str) -> bytes:
        """Return a decision's proof, byte for byte."""
        return self._call(caller, "GET", f"decisions/{decision_id}/proof").content

    def closures(self, caller: Caller, decision_id: str) -> ClosureList:
        """Return which answers of a decision somebody proposed to close unanswered."""
        return self._read(caller, "GET", f"decisions/{decision_id}/closures", ClosureList)

    def propose_closure(self, caller: Caller, decision_id: str, body: Mapping[str, str]) -> None:
        """Propose to close an overdue answer of a processor: ``service``, ``processor`` and ``reason``."""
        self._call(caller, "POST", f"decisions/{decision_id}/closures", json=dict(body))

    def confirm_closure(self, caller: Caller, decision_id: str, closure_id: str) -> None:
        """Confirm what somebody else proposed."""
        self._call(caller, "POST", f"decisions/{decision_id}/closures/{closure_id}/confirmation", json={})

    def cases(self, caller: Caller, state: str, *, limit: int) -> CaseList:
        """Return rights requests in a state, the one that is due first at the top."""
        return self._read(caller, "GET", "requests", CaseList, params={"state": state, "limit": limit})

    def case(self, caller: Caller, case_id: str) -> tuple[CaseDetail, str | None]:
        """Return one rights request, and its ETag."""
        answer = self._call(caller, "GET", f"requests/{case_id}")
        return self._decoded(answer, CaseDetail), answer.headers.get("ETag")

    def letter(self, caller: Caller, case_id: str, letter_id: str) -> LetterText:
        """Return a letter of a rights request, with what it says."""
        return self._read(caller, "GET", f"requests/{case_id}/letters/{letter_id}", LetterText)

    def act(self, caller: Caller, case_id: str, what: str, body: Mapping[str, Any], etag: str | None) -> None:
        """Do something about a rights request; ``etag`` is of what the person saw when they chose to.

        Raises ConflictError when somebody changed it meanwhile.
        """
        if etag and not VERSION.fullmatch(etag):  # a form's field: no version of ours, and no text for a header
            raise ConflictError
        headers = {"If-Match": etag} if etag else {}
        self._call(caller, "POST", f"requests/{case_id}/{what}", json=dict(body), headers=headers)

    def contact_forms(self, caller: Caller, *, quarantined: bool, cursor: str | None, limit: int) -> ContactFormList:
        """Return contact forms, or those put aside, the latest first, without what is in them."""
        params = _page(cursor, limit) | ({"quarantined": "true"} if quarantined else {})
        return self._read(caller, "GET", "contact-forms", ContactFormList, service="intake", params=params)

    def contact_form(self, caller: Caller, form_id: str) -> ContactForm:
        """Return a contact form as it was sent; the intake notes who reads it."""
        return self._read(caller, "GET", f"contact-forms/{form_id}", ContactForm, service="intake")

    def mark_handled(self, caller: Caller, form_id: str) -> None:
        """Note that somebody dealt with a contact form."""
        self._call(caller, "POST", f"contact-forms/{form_id}/handled", service="intake", json={})

    def release(self, caller: Caller, form_id: str) -> None:
        """Let a contact form out of quarantine."""
        self._call(caller, "POST", f"contact-forms/{form_id}/release", service="intake", json={})

    def form_attempts(self, caller: Caller, service: ServiceName, *, site: str | None, limit: int) -> FormAttemptList:
        """Return the last forms of websites that a service refused or put aside, of one site or of all."""
        params: dict[str, Any] = {"limit": limit} | ({"site": site} if site else {})
        return self._read(caller, "GET", "form-attempts", FormAttemptList, service=service, params=params)

    def answer_form(self, caller: Caller, form_id: str, body: Mapping[str, str]) -> None:
        """Mail an answer to whoever sent a contact form: ``message``, and ``client`` where they are one."""
        self._call(caller, "POST", f"contact-forms/{form_id}/answers", service="intake", json=dict(body))

    def clients_with(self, caller: Caller, email: str) -> list[FoundClient]:
        """Return the clients and leads in whose data this address stands; the dossier notes who looks."""
        found = self._read(
            caller, "POST", "clients/search", FoundClients, service="dossier", json={"q": email}, params={"limit": 20}
        )
        return found.items

    def incidents(self, caller: Caller, *, closed: bool, cursor: str | None, limit: int) -> IncidentList:
        """Return incidents, open or closed, the latest first."""
        params = _page(cursor, limit) | ({"closed": "true"} if closed else {})
        return self._read(caller, "GET", "incidents", IncidentList, params=params)

    def incident(self, caller: Caller, incident_id: str) -> Incident:
        """Return an incident, with what was done about it."""
        return self._read(caller, "GET", f"incidents/{incident_id}", Incident)

    def security_report(self, caller: Caller, report_id: str) -> SecurityReport:
        """Return what was reported; the intake notes who reads it."""
        return self._read(caller, "GET", f"security-reports/{report_id}", SecurityReport, service="intake")

    def enter_incident(self, caller: Caller, body: Mapping[str, str], key: str) -> IncidentSummary:
        """Enter an incident that nobody reported; sent again with the same ``key`` it is still one."""
        headers = {"Idempotency-Key": key} if KEY.fullmatch(key) else {}
        return self._read(caller, "POST", "incidents", IncidentSummary, json=dict(body), headers=headers)

    def close_incident(self, caller: Caller, incident_id: str, body: Mapping[str, str]) -> None:
        """Close an incident with what was ``found`` and the ``measures`` that were taken."""
        self._call(caller, "POST", f"incidents/{incident_id}/closure", json=dict(body))

    def refused_mails(self, caller: Caller, service: ServiceName, *, limit: int) -> RefusedMails:
        """Return the latest mails of a service that no server took or delivered."""
        return self._read(caller, "GET", "refused-mails", RefusedMails, service=service, params=_page(None, limit))

    def see_to_mail(self, caller: Caller, service: ServiceName, mail_id: str, what: str) -> None:
        """Have one sent again (``retry``), or let it go (``letting-go``)."""
        self._call(caller, "POST", f"refused-mails/{mail_id}/{what}", service=service, json={})

    def editions(self, caller: Caller, *, cursor: str | None, limit: int) -> EditionList:
        """Return editions of the newsletter, the latest first, and when the next may be."""
        return self._read(caller, "GET", "editions", EditionList, service="newsletter", params=_page(cursor, limit))

    def drafts(self, caller: Caller) -> DraftList:
        """Return the programme's mailings that can still be planned; the newsletter asks the programme."""
        return self._read(caller, "GET", "editions/drafts", DraftList, service="newsletter")

    def plan_edition(self, caller: Caller, body: Mapping[str, str]) -> None:
        """Plan a mailing of the programme as an edition: ``campaign``, ``at`` and ``about``."""
        self._call(caller, "POST", "editions", service="newsletter", json=dict(body))

    def client(self, caller: Caller, record_id: str) -> Client:
        """Return who a client is; the dossier notes who looks, also below."""
        return self._read(caller, "GET", f"clients/{record_id}", Client, service="dossier")

    def contact(self, caller: Caller, record_id: str) -> Contact:
        """Return a contact there was with a client."""
        return self._read(caller, "GET", f"contacts/{record_id}", Contact, service="dossier")

    def invoice(self, caller: Caller, record_id: str) -> Invoice:
        """Return an invoice."""
        return self._read(caller, "GET", f"invoices/{record_id}", Invoice, service="dossier")

    def _read(
        self,
        caller: Caller,
        method: str,
        path: str,
        shape: type[AnswerT],
        *,
        service: ServiceName = "requests",
        **options: Any,
    ) -> AnswerT:
        return self._decoded(self._call(caller, method, path, service=service, **options), shape, service)

    def _decoded(self, answer: requests.Response, shape: type[AnswerT], service: ServiceName = "requests") -> AnswerT:
        try:
            return msgspec.json.decode(answer.content, type=shape)
        except msgspec.MsgspecError:
            raise UnavailableError(service) from None

    def _call(
        self, caller: Caller, method: str, path: str, *, service: ServiceName = "requests", **options: Any
    ) -> requests.Response:
        if not self._free.acquire(blocking=False):
            raise UnavailableError("console")
        try:
            answer = self._send(caller, method, service, path, options)
        except requests.RequestException:
            # Without a cause: it holds the whole call.
            raise UnavailableError(service) from None
        finally:
            self._free.release()
        if answer.ok:
            return answer
        raise _error_of(answer, service)

    def _send(
        self, caller: Caller, method: str, service: ServiceName, path: str, options: Mapping[str, Any]
    ) -> requests.Response:
        token = issue_token(
            self._key.private_key,
            self._key.key_id,
            subject=caller.account.name,
            roles=list(caller.account.roles),
            audience=service,
            now=self._clock(),
        )
        headers = {
            "Authorization": f"Bearer {token}",
            "Accept": "application/json",
            "Accept-Language": caller.language,
            **options.get("headers", {}),
        }
        url = f"{self._settings.service_url(service)}/{service}/v1/{path}"
        with requests.Session() as http:
            http.trust_env = False  # never through somebody's proxy
            return http.request(method, url, **{**options, "headers": headers}, timeout=TIMEOUT, allow_redirects=False)


def _page(cursor: str | None, limit: int) -> dict[str, Any]:
    return {"limit": limit} | ({"cursor": cursor} if cursor else {})


def _error_of(answer: requests.Response, service: ServiceName) -> DiscreetError:
    """Return the error that a problem (RFC 9457) stands for; what only a fault of ours explains is 'unavailable'."""
    try:
        problem = answer.json()
    except ValueError:
        problem = {}
    detail = _said(problem.get("detail", ""))
    if answer.status_code == requests.codes.unprocessable:
        fields: dict[str, list[str]] = {
            name: [_said(text) for text in texts] for name, texts in problem.get("errors", {}).items()
        }
        return InvalidInputError(fields, detail)
    if answer.status_code == requests.codes.too_many_requests:
        return TooManyRequestsError(int(answer.headers.get("Retry-After", "1")))
    if answer.status_code in {412, 428}:
        return ConflictError("")
    error = ERRORS.get(answer.status_code)
    if error is not None:
        return error(detail)
    return UnavailableError(service, detail if problem.get("part") == "restore" else "")


def _said(text: str) -> Both:
    """Take the service's words as they are: it was asked in the reader's language."""
    return Both(text, text)
