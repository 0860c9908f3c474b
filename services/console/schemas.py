"""What the services answer, as far as the pages show it; a field they do not know is left alone."""

from __future__ import annotations

from datetime import date, datetime  # noqa: TC003 - msgspec reads the annotations at run time

import msgspec


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """A record by its id."""

    service: str
    category: str
    id: str


class Retained(Record, frozen=True, kw_only=True):
    """A record that stays, on which ground and until when."""

    ground: str
    until: datetime | None = None


class Word(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that was said about an answer; those that did not end it are the failed attempts.

    ``closed_by`` are the two people who closed an answer that nobody gave.
    """

    outcome: str
    acted_at: datetime
    ground: str | None = None
    closed_by: list[str] = []


class Closure(msgspec.Struct, frozen=True, kw_only=True):
    """A proposal to close an answer that will never come, and who confirmed it, if anybody did."""

    id: str
    service: str
    processor: str
    reason: str
    proposed_by: str
    proposed_at: datetime
    confirmed_by: str | None = None
    confirmed_at: datetime | None = None


class ClosureList(msgspec.Struct, frozen=True, kw_only=True):
    """The proposals of one decision."""

    items: list[Closure]


class ExpectedAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """One answer a decision waits for: of a service's own store, or of a processor it faces."""

    service: str
    action: str
    due_at: datetime
    state: str
    processor: str | None = None
    processor_name: str | None = None
    outcome: str | None = None
    evidence: str | None = None
    evidence_digest: str | None = None
    covers: str | None = None
    acted_at: datetime | None = None
    ground: str | None = None
    counts: dict[str, int] = {}
    retained: list[Retained] = []
    history: list[Word] = []
    closure: Closure | None = None


class DecisionSummary(msgspec.Struct, frozen=True, kw_only=True):
    """A decision in a list."""

    id: str
    kind: str
    issuer: str
    decided_at: datetime
    decided_by: str
    ground: str
    state: str
    expected: int
    answered: int
    overdue: int
    unconfirmed: int = 0
    closed_at: datetime | None = None


class DecisionList(msgspec.Struct, frozen=True, kw_only=True):
    """A page of decisions, and the cursor of the next."""

    items: list[DecisionSummary]
    next: str | None = None


class DecisionDetail(DecisionSummary, frozen=True, kw_only=True):
    """A decision with every answer it waits for."""

    registered_at: datetime
    sha256: str
    answers: list[ExpectedAnswer]
    records: list[Record] = []
    retained: list[Retained] = []
    case: str | None = None
    reported_by: str | None = None


class CaseClock(msgspec.Struct, frozen=True, kw_only=True):
    """By when a rights request is answered; ``days_left`` is negative when it is late."""

    received_on: date
    due_on: date
    target_on: date
    days_left: int
    extended_on: date | None = None
    paused_on: date | None = None
    breached_on: date | None = None


class CaseSummary(msgspec.Struct, frozen=True, kw_only=True):
    """A rights request in a list."""

    id: str
    reference: str
    kind: str
    state: str
    clock: CaseClock
    outcome: str | None = None


class CaseList(msgspec.Struct, frozen=True, kw_only=True):
    """A page of rights requests, and the cursor of the next."""

    items: list[CaseSummary]
    next: str | None = None


class Contact(msgspec.Struct, frozen=True, kw_only=True):
    """Who asks, as it was typed."""

    name: str
    email: str | None = None
    phone: str | None = None
    address: str | None = None


class IdentityCheck(msgspec.Struct, frozen=True, kw_only=True):
    """One check of who asks."""

    method: str
    document_type: str
    outcome: str
    checked_by: str
    checked_at: datetime
    reason: str | None = None


class Candidate(Record, frozen=True, kw_only=True):
    """A record that may be this person's; ``confirmed`` is None until a person judged it."""

    found: bool = True
    confirmed: bool | None = None


class StoreAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """Whether a service has said what it holds."""

    service: str
    answered: bool
    outcome: str | None = None


class Inquiry(msgspec.Struct, frozen=True, kw_only=True):
    """What the own stores said they hold."""

    decision: str
    complete: bool
    services: list[StoreAnswer] = []
    candidates: list[Candidate] = []


class CaseDecision(msgspec.Struct, frozen=True, kw_only=True):
    """What was decided; ``id`` is the decision in the ledger, where something had to be carried out."""

    outcome: str
    decided_by: str
    decided_at: datetime
    id: str | None = None
    ground: str | None = None
    physician_agreed_by: str | None = None


class Letter(msgspec.Struct, frozen=True, kw_only=True):
    """A letter, and how it went out."""

    id: str
    kind: str
    written_at: datetime
    sent_by: str | None = None
    sent_on: date | None = None
    track_code: str | None = None


class LetterText(Letter, frozen=True, kw_only=True):
    """A letter with what it says."""

    subject: str
    text: str


class CaseDetail(CaseSummary, frozen=True, kw_only=True):
    """A rights request; what the service leaves out for somebody's role is not there."""

    channel: str | None = None
    language: str | None = None
    entered_at: datetime | None = None
    entered_by: str | None = None
    contact: Contact | None = None
    message: str | None = None
    identity: list[IdentityCheck] = []
    email_proved: bool = False
    phone_proved: bool = False
    inquiry: Inquiry | None = None
    decision: CaseDecision | None = None
    letters: list[Letter] = []


class ContactFormSummary(msgspec.Struct, frozen=True, kw_only=True):
    """A contact form in a list: nothing of what is in it."""

    id: str
    reference: str
    received_at: datetime
    newsletter: bool
    handled_at: datetime | None = None
    handled_by: str | None = None
    site: str | None = None
    suspected: str | None = None
    released_at: datetime | None = None
    released_by: str | None = None


class ContactFormList(msgspec.Struct, frozen=True, kw_only=True):
    """A page of contact forms, and the cursor of the next."""

    items: list[ContactFormSummary]
    next: str | None = None


class FormAttempt(msgspec.Struct, frozen=True, kw_only=True):
    """A form of a website that was refused or put aside: why, and of its fields the names."""

    tried_at: datetime
    form: str
    problem: str
    site: str | None = None
    names: list[str] = []


class FormAttemptList(msgspec.Struct, frozen=True, kw_only=True):
    """The last attempts at one service."""

    items: list[FormAttempt]
    next: str | None = None


class MailState(msgspec.Struct, frozen=True, kw_only=True):
    """How far a mail is, and what was last in its way."""

    state: str
    problem: str | None = None


class FormAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """An answer to a contact form."""

    answered_at: datetime
    answered_by: str
    message: str
    mail: MailState | None = None


class ContactForm(ContactFormSummary, frozen=True, kw_only=True):
    """A contact form as it was sent."""

    name: str
    email: str
    message: str
    phone: str | None = None
    subject: str | None = None
    newsletter_text: str | None = None
    privacy_version: str | None = None
    answers: list[FormAnswer] = []


class IncidentSummary(msgspec.Struct, frozen=True, kw_only=True):
    """An incident in a list: its clock, who entered it if nobody reported it, and what was found."""

    id: str
    reference: str
    suspected: bool
    received_at: datetime
    due_at: datetime
    entered_by: str | None = None
    found: str | None = None
    closed_at: datetime | None = None
    closed_by: str | None = None


class IncidentList(msgspec.Struct, frozen=True, kw_only=True):
    """A page of incidents, and the cursor of the next."""

    items: list[IncidentSummary]
    next: str | None = None


class Incident(IncidentSummary, frozen=True, kw_only=True):
    """An incident with what staff entered, if they did, and what was done about it."""

    entered_at: datetime | None = None
    facts: str | None = None
    measures: str | None = None


class SecurityReport(msgspec.Struct, frozen=True, kw_only=True):
    """What was reported, as it was sent."""

    message: str
    place: str | None = None
    name: str | None = None
    email: str | None = None
    suspected: str | None = None


class Edition(msgspec.Struct, frozen=True, kw_only=True):
    """An edition of the newsletter: when, how that is known, and what is wrong with it."""

    campaign: str
    subject: str
    state: str
    known_by: str
    at: datetime
    audience: str
    about: str | None = None
    warnings: list[str] = []
    seed: str | None = None
    lacks: list[str] = []


class Draft(msgspec.Struct, frozen=True, kw_only=True):
    """A mailing of the programme that can still be planned, and whom it goes to."""

    campaign: str
    subject: str
    audience: str


class DraftList(msgspec.Struct, frozen=True, kw_only=True):
    """All of them; None while the programme cannot be asked."""

    items: list[Draft] | None
    minutes: int


class EditionList(msgspec.Struct, frozen=True, kw_only=True):
    """A page of editions, the programme that is in use, and when the next edition may be and is late."""

    items: list[Edition]
    next: str | None = None
    programme: str | None = None
    earliest_on: date | None = None
    overdue_on: date | None = None


class RefusedMail(msgspec.Struct, frozen=True, kw_only=True):
    """A mail that nobody got: what it was about, what the server said, and whether it can be sent again."""

    id: str
    reason: str
    about: str
    created_at: datetime
    problem: str | None = None
    sendable: bool = True


class RefusedMails(msgspec.Struct, frozen=True, kw_only=True):
    """The latest of them, of one service."""

    items: list[RefusedMail]
