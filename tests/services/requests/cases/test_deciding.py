"""Deciding: by a person, on what was found, with a ground for whatever does not happen."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from shared.events import Decision
from shared.messaging import envelope as envelopes
from shared.propagation.tables import issued_decisions
from tests.services.requests.clinic import EMAIL, VERIFIED

SUBSCRIPTION = "3f1c0000-0000-4000-8000-000000000001"
FORM = "3f1c0000-0000-4000-8000-000000000002"
REPORT = "3f1c0000-0000-4000-8000-000000000003"
INVOICE = "3f1c0000-0000-4000-8000-000000000004"


def record(service: str, category: str, identifier: str, **more) -> dict:
    """A record as a decision names it."""
    return {"service": service, "category": category, "id": identifier, **more}


NEWS = record("newsletter", "subscriptions", SUBSCRIPTION)
REPORTS = record("dossier", "reports", REPORT)
KEPT_INVOICE = record("dossier", "invoices", INVOICE, ground="fiscal-retention", until="2034-01-01")


def decisions(clinic, kind: str) -> list[Decision]:
    """The decisions of a kind issued so far, as they are announced."""
    query = sa.select(issued_decisions.c.body).where(issued_decisions.c.type == f"discreet.decision.{kind}.v1")
    with clinic.tools.database.reading() as session:
        return [envelopes.read_event(envelopes.read(body)) for body in session.scalars(query)]


@pytest.fixture
def case_id(clinic) -> str:
    """A request for which a subscription and a contact form were found."""
    clinic.hold("newsletter", SUBSCRIPTION)
    clinic.hold("intake", FORM)
    return clinic.assessed()


def test_a_grant_names_the_confirmed_records_and_the_proved_references_only(clinic, case_id):
    """References find, people confirm: what was not confirmed is somebody else's."""
    answer = clinic.act(case_id, "decision", {"outcome": "grant", "records": [NEWS]})
    assert answer.status_code == 200, answer.json
    assert (answer.json["state"], answer.json["outcome"]) == ("executing", "granted")
    [decision] = decisions(clinic, "erasure")
    assert [(each.service, each.category, each.id) for each in decision.records] == [tuple(NEWS.values())]
    assert decision.refs == (clinic.tools.refs.email(EMAIL),)
    assert (decision.case, decision.decided_by, decision.ground) == (case_id, "m.devries", "art. 17 AVG")
    confirmed = {each["id"]: each["confirmed"] for each in clinic.case(case_id)["inquiry"]["candidates"]}
    assert confirmed == {SUBSCRIPTION: True, FORM: False}


def test_a_decision_and_its_announcement_are_one_step(clinic, case_id):
    """What cannot be announced was not decided: nothing remains of a decision that failed half-way."""
    with clinic.tools.database.transaction() as session:
        session.execute(sa.text("CREATE TRIGGER stop BEFORE INSERT ON outbox BEGIN SELECT RAISE(ABORT, 'full'); END"))
    answer = clinic.act(case_id, "decision", {"outcome": "grant", "records": [NEWS]})
    assert answer.status_code == 500
    case = clinic.case(case_id)
    assert (case["state"], case["decision"]) == ("assessed", None)
    assert decisions(clinic, "erasure") == []


@pytest.mark.parametrize("roles", [("tool",), ("tool", "privacy-coordinator")])
def test_p57_no_program_decides_on_a_request(clinic, case_id, roles):
    """A person answers for every decision, also where a tool has the role."""
    answer = clinic.act(case_id, "decision", {"outcome": "grant", "records": [NEWS]}, *roles)
    assert answer.status_code == 403
    assert decisions(clinic, "erasure") == []


@pytest.mark.parametrize("role", ["front-desk", "fg", "physician", "admin"])
def test_only_the_privacy_coordinator_decides(clinic, case_id, role):
    """Other roles help, advise or agree."""
    assert clinic.act(case_id, "decision", {"outcome": "grant", "records": [NEWS]}, role).status_code == 403


def test_a_record_that_was_not_found_is_named_on_purpose_or_not_at_all(clinic, case_id):
    """A slip of the keyboard must not erase another person's record."""
    stray = record("newsletter", "subscriptions", "3f1c0000-0000-4000-8000-00000000000f")
    answer = clinic.act(case_id, "decision", {"outcome": "grant", "records": [NEWS, stray]})
    assert answer.status_code == 422
    assert answer.json["errors"].keys() == {"records"}
    answer = clinic.act(case_id, "decision", {"outcome": "grant", "records": [NEWS, stray | {"added": True}]})
    assert answer.status_code == 200
    [added] = [each for each in clinic.case(case_id)["inquiry"]["candidates"] if not each["found"]]
    assert (added["id"], added["confirmed"]) == (stray["id"], True)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"outcome": "refuse"}, "ground"),
        ({"outcome": "refuse", "ground": "no time"}, "ground"),
        ({"outcome": "refuse", "ground": "legal-claim", "records": [NEWS]}, "records"),
        ({"outcome": "grant", "records": [NEWS], "ground": "legal-claim"}, "ground"),
        ({"outcome": "partly", "records": [NEWS]}, "retained"),
        ({"outcome": "grant", "records": [NEWS], "retained": [KEPT_INVOICE | {"added": True}]}, "retained"),
        ({"outcome": "partly", "retained": [KEPT_INVOICE | {"ground": "handy"}]}, "retained.0.ground"),
        ({"outcome": "partly", "retained": [KEPT_INVOICE | {"until": "0001-01-01"}]}, "retained.0.until"),
        ({"outcome": "partly", "retained": [KEPT_INVOICE | {"until": "2026-11-02"}]}, "retained.0.until"),
        ({"outcome": "grant", "records": [NEWS, NEWS]}, "records"),
        ({"outcome": "grant", "records": [NEWS | {"id": "1 or 1=1"}]}, "records.0.id"),
        ({"outcome": "grant", "records": [NEWS | {"service": "crm"}]}, "records.0.service"),
        ({"outcome": "approve"}, "outcome"),
    ],
)
def test_p75_a_decision_that_contradicts_itself_or_lacks_its_ground_is_refused(clinic, case_id, body, field):
    """A refusal says why, a part says what stays, and grounds are those of the policy."""
    answer = clinic.act(case_id, "decision", body)
    assert answer.status_code == 422
    assert answer.json["errors"].keys() == {field}
    assert clinic.case(case_id)["state"] == "assessed"


def test_p34_a_part_that_stays_is_named_with_its_ground_and_its_end(clinic):
    """The report goes, the invoice stays until the tax term is over."""
    clinic.hold("dossier", REPORT)
    case_id = clinic.assessed()
    body = {
        "outcome": "partly",
        "records": [REPORTS],
        "retained": [KEPT_INVOICE | {"added": True}],
        "consequences_acknowledged": True,
        "physician_agreed_by": "dr. k.bakker",
    }
    assert clinic.act(case_id, "decision", body).status_code == 200
    [decision] = decisions(clinic, "erasure")
    [kept] = decision.retained
    assert (kept.id, kept.ground) == (INVOICE, "fiscal-retention")
    assert kept.until.isoformat() == "2033-12-31T23:00:00+00:00"
    assert decision.ground == "art. 7:455 BW"


def test_p74_nothing_of_a_dossier_is_destroyed_before_the_person_knows_the_consequences(clinic):
    """Destroying cannot be undone; the acknowledgement is part of the decision."""
    clinic.hold("dossier", INVOICE)
    case_id = clinic.assessed()
    body = {"outcome": "grant", "records": [record("dossier", "invoices", INVOICE)]}
    answer = clinic.act(case_id, "decision", body)
    assert answer.status_code == 409
    assert "consequences_acknowledged" in answer.json["detail"]
    assert clinic.act(case_id, "decision", body | {"consequences_acknowledged": True}).status_code == 200


def test_p75_a_physician_agrees_to_whatever_happens_to_medical_records(clinic):
    """Also to refusing: it is the physician's weighing (art. 7:455 BW)."""
    clinic.hold("dossier", REPORT)
    case_id = clinic.assessed()
    grant = {"outcome": "grant", "records": [REPORTS], "consequences_acknowledged": True}
    for body in (grant, {"outcome": "refuse", "ground": "good-care"}):
        answer = clinic.act(case_id, "decision", body)
        assert answer.status_code == 409
        assert "physician_agreed_by" in answer.json["detail"]
    assert clinic.act(case_id, "decision", grant | {"physician_agreed_by": "k.bakker"}).status_code == 200
    assert clinic.case(case_id)["decision"]["physician_agreed_by"] == "k.bakker"


def test_a_note_of_a_telephone_call_destroys_no_medical_record(clinic):
    """The law asks for a request in writing or by electronic means."""
    clinic.hold("dossier", REPORT)
    case_id = clinic.assessed(channel="phone")
    body = {"outcome": "grant", "records": [REPORTS], "consequences_acknowledged": True, "physician_agreed_by": "kb"}
    answer = clinic.act(case_id, "decision", body)
    assert answer.status_code == 409
    assert "in writing" in answer.json["detail"]


def test_p76_an_open_request_is_not_erased_not_even_by_its_own_decision(clinic):
    """The request is the proof that erasing was right."""
    other = clinic.enter().json["id"]
    case_id = clinic.assessed()
    for identifier in (case_id, other):
        named = record("requests", "rights-requests", identifier, added=True)
        answer = clinic.act(case_id, "decision", {"outcome": "grant", "records": [named]})
        assert answer.status_code == 409
        assert "still open" in answer.json["detail"]
    unknown = record("requests", "rights-requests", FORM, added=True)
    assert clinic.act(case_id, "decision", {"outcome": "grant", "records": [unknown]}).status_code == 422


def test_a_repeated_decision_is_taken_once(clinic, case_id):
    """The second call with one key gets the first one's answer, although its version is stale by then."""
    body = {"outcome": "grant", "records": [NEWS]}
    headers = clinic.token("privacy-coordinator") | {"Idempotency-Key": "besluit-1"}
    headers["If-Match"] = clinic.get(f"requests/{case_id}").headers["ETag"]
    path = f"/requests/v1/requests/{case_id}/decision"
    first, second = (clinic.client.post(path, json=body, headers=headers) for _ in range(2))
    assert first.status_code == second.status_code == 200
    assert first.json == second.json
    assert first.headers["ETag"] == second.headers["ETag"]
    assert len(decisions(clinic, "erasure")) == 1
    assert clinic.act(case_id, "decision", body).status_code == 409


def test_nothing_is_decided_while_a_store_has_yet_to_answer(clinic):
    """What is not known cannot be confirmed."""
    case_id = clinic.enter().json["id"]
    clinic.act(case_id, "identity", VERIFIED)
    for body in ({"outcome": "grant"}, {"outcome": "refuse", "ground": "legal-claim"}):
        answer = clinic.act(case_id, "decision", body)
        assert answer.status_code == 409
        assert "verified" in answer.json["detail"]


def test_p75_a_refusal_is_mailed_with_its_ground_the_authority_and_the_court(clinic, case_id):
    """The person knows why, and where to go with it."""
    body = {"outcome": "refuse", "ground": "legal-claim", "explanation": "De zaak loopt nog."}
    answer = clinic.act(case_id, "decision", body)
    assert (answer.json["state"], answer.json["outcome"]) == ("closed", "refused")
    assert decisions(clinic, "erasure") == []
    mail = clinic.mail("Ons besluit")
    assert "De gegevens zijn nodig in een geschil" in mail.text
    assert "art. 17(3)(e) AVG" in mail.text
    assert "De zaak loopt nog." in mail.text
    assert clinic.tools.policy.authority.url in mail.text
    assert "rechtbank" in mail.text
    assert "Beste Anna Jansen" in mail.text


def test_a_refusal_for_want_of_identity_says_nothing_about_anybody(clinic):
    """Not even a name: the mail goes to whoever has that address."""
    case_id = clinic.enter().json["id"]
    refuse = {"outcome": "refuse", "ground": "legal-claim"}
    assert clinic.act(case_id, "decision", refuse).status_code == 409
    refuse["ground"] = "identity-not-established"
    assert clinic.act(case_id, "decision", refuse).status_code == 409  # nobody has tried
    clinic.act(case_id, "identity", {"method": "call-back", "outcome": "failed", "reason": "no-answer"})
    assert clinic.act(case_id, "decision", refuse).json["state"] == "closed"
    mail = clinic.mail("Ons besluit")
    assert "niet vaststellen dat jij het bent" in mail.text
    assert "Anna" not in mail.text
