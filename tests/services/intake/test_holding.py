"""What the intake holds of people: found by address or number, erased form by form, and gone for whoever asks."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime

import msgspec
import pytest
import sqlalchemy as sa

from services.intake.actions import decide_term_end
from services.intake.jobs import end_terms
from shared.events import ReceiptIssued, RecordRef
from shared.messaging import envelope
from shared.processors.interface import SubjectIdentifiers
from shared.propagation import decisions
from shared.propagation.tables import receipts, tombstones, transfers
from tests.services.intake.test_forwarding import full_text
from tests.services.intake.website import FORM, HOST, MAIL_HOST, REGISTER, SUBMIT, open_website

PHONE = "06-12345678"


def decide(website, kind: str, *, refs=(), forms=()) -> str:
    """Let the requests service decide, and everything that follows come to rest; return the decision's id."""
    tools, decision = website.installation.tools["requests"], str(uuid.uuid4())
    with tools.database.transaction() as session:
        decisions.take(
            session,
            tools,
            kind,
            decision_id=decision,
            refs=refs,
            records=[RecordRef(service="intake", category="contact-forms", id=each) for each in forms],
            ground="asked-by-the-subject",
            decided_by="m.devries",
            now=website.clock(),
        )
    website.installation.settle()
    return decision


def answered(website, decision: str) -> dict[str | None, ReceiptIssued]:
    """What the intake answered, by processor."""
    with website.tools.database.reading() as session:
        bodies = session.scalars(sa.select(receipts.c.body).where(receipts.c.decision == decision)).all()
    found = [msgspec.json.decode(envelope.read(body).data, type=ReceiptIssued) for body in bodies]
    return {receipt.processor: receipt for receipt in found}


def given(website) -> set[tuple[str, str]]:
    """Which processors have which forms."""
    with website.tools.database.reading() as session:
        return {tuple(row) for row in session.execute(sa.select(transfers.c.processor, transfers.c.record))}


@pytest.mark.parametrize("refs_of", ["email", "phone"])
def test_an_inquiry_finds_the_forms_of_an_address_or_a_number(website, refs_of) -> None:
    """In whatever way it was typed; and of nobody else."""
    mine = website.sent(email="Anna@Voorbeeld.example ", phone=PHONE)
    website.sent(email="bert@voorbeeld.example")
    refs = website.tools.refs.emails(FORM["email"]) if refs_of == "email" else website.tools.refs.phones("+31612345678")
    receipt = answered(website, decide(website, "inquiry", refs=refs))[None]
    assert [ref.id for ref in receipt.found] == [mine]
    assert receipt.counts == {"contact-forms": 1}


@pytest.mark.parametrize("shared", ["phone", "email"])
def test_of_two_senders_with_one_number_only_the_named_form_goes(website, shared) -> None:
    """A number finds both; people decide whose is whose, and the neighbour's stays readable."""
    theirs = {"email": "bert@voorbeeld.example"} if shared == "phone" else {"name": "Bert Jansen"}
    mine, other = website.sent(phone=PHONE), website.sent(phone=PHONE, **theirs)
    keys = {row.id: row.key_id for row in website.rows()}
    refs = [*website.tools.refs.emails(FORM["email"]), *website.tools.refs.phones(PHONE)]
    receipt = answered(website, decide(website, "erasure", refs=refs, forms=[mine]))[None]
    assert (receipt.outcome, receipt.counts, receipt.evidence.grade) == ("done", {"contact-forms": 1}, "recounted")
    assert [row.id for row in website.rows()] == [other]
    assert website.read(other).json["message"] == FORM["message"]
    assert website.tools.vault.surviving(keys.values()) == {keys[other]}


def test_an_erased_form_is_gone_and_one_that_never_was_is_not_found(website) -> None:
    """For staff who read or mark it, and for the newsletter that asks late."""
    form, never = website.sent(newsletter=True), str(uuid.uuid4())
    decide(website, "erasure", forms=[form])
    newsletter = website.service_token("newsletter")
    for record, status in ((form, 410), (never, 404)):
        assert website.read(record).status_code == status
        handled = website.client.post(f"{SUBMIT}/{record}/handled", headers=website.bearer("assistant"))
        assert handled.status_code == status
        assert website.client.get(f"/intake/v1/claims/{record}", headers=newsletter).status_code == status
    with website.tools.database.reading() as session:
        assert session.scalars(sa.select(tombstones.c.record)).all() == [form]


def test_a_mail_about_a_form_that_is_not_sent_yet_goes_with_it(website) -> None:
    """A mail server that is down forwards nothing of whoever was erased since."""
    form = website.sent()
    decide(website, "erasure", forms=[form])
    assert [mail for mail in website.mails() if mail.to == website.tools.policy.clinic.forms] == []


def test_p2_a_claim_is_for_the_newsletter_and_for_no_other_service(website) -> None:
    """What somebody ticked is no other service's business, and it learns not even that it is there."""
    form = website.sent(newsletter=True)
    path = f"/intake/v1/claims/{form}"
    statuses = {
        name: website.client.get(path, headers=website.service_token(name)).status_code
        for name in ("newsletter", "dossier", "requests", "intake")
    }
    assert statuses == {"newsletter": 200, "dossier": 404, "requests": 404, "intake": 404}


def test_the_host_is_told_which_form_goes_and_which_stays(website) -> None:
    """Erasing all it has of the person would take along what nobody decided on."""
    old = website.sent()
    website.clock.forward(days=30)
    website.sent()
    decide(website, "erasure", forms=[old])
    [mail] = [mail for mail in website.mails() if mail.to == HOST]
    path = next(line for line in mail.text.splitlines() if "/by-hand/" in line).split("8000")[1]
    page = website.client.get(f"{path}?language=en", headers={"Accept": "text/html"}).text
    assert "<dd>2026-11-02</dd>" in page
    assert "contact forms 2026-12-02: not part of this task" in page


def test_a_host_is_told_every_address_of_the_forms_that_go(website) -> None:
    """One person wrote from two addresses; the host needs both."""
    forms = [website.sent()]
    website.clock.forward(minutes=1)
    forms.append(website.sent(email="Anna@Werk.example"))
    holding = website.installation.services["intake"].holding("contact-forms")
    with website.tools.database.reading() as session:
        subject = holding.identify(session, website.tools, forms)
        assert holding.identify(session, website.tools, [str(uuid.uuid4())]) is None
    assert subject == SubjectIdentifiers(
        email=FORM["email"], more_emails=("anna@werk.example",), name=FORM["name"], phone=None
    )


def test_p59_what_was_filled_in_is_shown_as_it_was_typed(website) -> None:
    """Every field of the form, the address in its own spelling."""
    typed = {"first_name": "Anna", "email": "Anna.J@Voorbeeld.Example", "phone": "06 - 12 34 56 78", "subject": "Vraag"}
    shown = website.read(website.sent(**typed)).json
    assert {name: shown[name] for name in typed} == typed


@pytest.mark.parametrize("field", ["name", "message", "subject"])
def test_blanks_are_no_text(website, field) -> None:
    """A name of blanks has no first name to greet anybody by."""
    answer = website.send(**{field: "  "})
    assert (answer.status_code, list(answer.json["errors"])) == (422, [field])


@pytest.mark.parametrize(
    ("body", "media", "status"),
    [
        (b"{", "application/json", 400),
        (b"[]", "application/json", 400),
        (b"name=Anna", "text/plain", 415),
        (b'{"name": "A", "name": "B"}', "application/json", 400),
        (b"name=A&name=B&email=a%40b.example&message=x", "application/x-www-form-urlencoded", 422),
        (b"x" * 70_000, "application/json", 413),
        (b"name=%ff", "application/x-www-form-urlencoded", 400),
    ],
)
def test_what_is_no_form_is_refused_and_not_kept(website, body, media, status) -> None:
    """Whatever a robot sends."""
    assert website.client.post(SUBMIT, data=body, content_type=media).status_code == status
    assert website.rows() == []


def test_the_list_of_forms_comes_in_pages_the_latest_first(website) -> None:
    """Forms of one day, some of one moment: none twice and none left out."""
    for number in range(7):
        website.send()
        website.clock.forward(seconds=number % 2)
    seen, path = [], f"{SUBMIT}?limit=3"
    while path:
        answer = website.client.get(path, headers=website.bearer("assistant")).json
        seen += [item["id"] for item in answer["items"]]
        path = answer["next"] and f"{SUBMIT}?limit=3&cursor={answer['next']}"
    assert len(seen) == 7
    assert set(seen) == {row.id for row in website.rows()}


def test_p53_a_year_from_the_29th_of_february_is_over_on_the_28th(website) -> None:
    """A calendar year, to the minute; decided once, however many run the job at once."""
    website.clock.now = datetime(2028, 2, 29, 12, 0, tzinfo=UTC)
    website.sent()
    website.clock.now = datetime(2029, 2, 28, 11, 59, tzinfo=UTC)
    end_terms(website.tools, website.clock())
    assert website.decisions() == []
    website.clock.now = datetime(2029, 2, 28, 12, 0, tzinfo=UTC)
    for _ in range(2):
        end_terms(website.tools, website.clock())
    assert len(website.decisions()) == 1


def test_the_end_of_a_form_is_decided_once(website) -> None:
    """Two runs that found the same form at the same time take one decision."""
    website.sent()
    [form] = website.rows()
    for _ in range(2):
        with website.tools.database.transaction() as session:
            decide_term_end(session, website.tools, form, now=website.clock())
    assert len(website.decisions()) == 1


def test_p46_the_text_is_mailed_only_while_the_mail_host_has_an_agreement(tmp_path) -> None:
    """Through its last day; from then on the mail carries the reference, and the host is given nothing."""
    both = tmp_path / "both.yaml"
    both.write_text(REGISTER + MAIL_HOST)
    with open_website(tmp_path, full_text(tmp_path) | {"DISCREET_PROCESSORS": str(both)}) as website:
        first = website.sent()
        website.clock.forward(days=1)
        second = website.sent()
        texts = [mail.text for mail in website.mails()]
        assert [FORM["message"] in text for text in texts] == [True, False]
        assert given(website) == {("website-host", first), ("mail-host", first), ("website-host", second)}


def test_p3_p46_no_text_is_mailed_by_a_host_that_is_not_on_the_register(tmp_path) -> None:
    """Also when there was one that has ended: nobody is known then who would have to erase it."""
    for text in (REGISTER, REGISTER + MAIL_HOST.replace("status: active", "status: ended")):
        register = tmp_path / "register.yaml"
        register.write_text(text)
        with open_website(tmp_path, full_text(tmp_path) | {"DISCREET_PROCESSORS": str(register)}) as website:
            website.sent()
            assert FORM["message"] not in website.mails()[-1].text
