"""Clocks: a month, two more with notice, a warning in time, and a term at which the file itself goes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import sqlalchemy as sa

from services.requests.cases.holdings import erase, left
from services.requests.cases.records import Candidate, IdentityCheck, Letter, RightsRequest
from shared.propagation.tables import issued_decisions
from shared.vault import keys_in_use
from tests.services.requests.clinic import EMAIL, VERIFIED

WATCH = "watch the clocks of requests"
END = "end the terms of requests"
SUBSCRIPTION = "3f1c0000-0000-4000-8000-000000000001"
NEWS = {"service": "newsletter", "category": "subscriptions", "id": SUBSCRIPTION}


def alarms(clinic) -> list[str]:
    """What the privacy coordinator was mailed about clocks."""
    return [mail.text for mail in clinic.mails() if mail.to == clinic.tools.policy.clinic.privacy]


def test_x2_an_extension_is_told_inside_the_first_month_and_gives_three_in_all(clinic):
    """With reasons, once, and never beyond three months from receipt."""
    case_id = clinic.enter().json["id"]
    answer = clinic.act(case_id, "extension", {"reason": "complexity", "explanation": "Uw dossier is groot."})
    assert answer.status_code == 200
    assert answer.json["clock"]["due_on"] == "2027-02-02"
    mail = clinic.mail("meer tijd")
    assert mail.to == EMAIL
    assert "omdat het verzoek ingewikkeld is" in mail.text
    assert "2 februari 2027" in mail.text
    assert "Uw dossier is groot." in mail.text
    assert clinic.act(case_id, "extension", {"reason": "number"}).status_code == 409


def test_x2_after_the_first_month_it_is_too_late_to_extend(clinic):
    """The last day counts, the day after does not."""
    case_id, other = clinic.enter().json["id"], clinic.enter().json["id"]
    clinic.clock.now = datetime(2026, 12, 2, 20, tzinfo=UTC)
    assert clinic.act(case_id, "extension", {"reason": "number"}).status_code == 200
    clinic.clock.now = datetime(2026, 12, 2, 23, 30, tzinfo=UTC)  # past midnight in Amsterdam
    answer = clinic.act(other, "extension", {"reason": "number"})
    assert answer.status_code == 409
    assert "first month" in answer.json["detail"]


def test_an_extension_has_a_reason_from_the_law(clinic):
    """Complexity or number: holidays at the clinic are no reason (AVG art. 12(3))."""
    case_id = clinic.enter().json["id"]
    assert clinic.act(case_id, "extension", {"reason": "holidays"}).status_code == 422
    assert clinic.act(case_id, "extension", {"reason": "number"}, "front-desk").status_code == 403


def test_p75_the_coordinator_is_warned_five_days_before_and_once(clinic):
    """A warning that comes every hour is a warning nobody reads."""
    reference = clinic.enter().json["reference"]
    clinic.clock.now = datetime(2026, 11, 26, 12, tzinfo=UTC)
    clinic.run(WATCH)
    assert alarms(clinic) == []
    clinic.clock.forward(days=1)
    clinic.run(WATCH)
    clinic.run(WATCH)
    [warning] = alarms(clinic)
    assert reference in warning
    assert "LATE" not in warning


def test_p75_a_request_that_is_not_answered_in_time_is_marked_and_told(clinic):
    """A breach is seen, not silently passed."""
    case_id = clinic.enter().json["id"]
    clinic.clock.now = datetime(2026, 12, 2, 12, tzinfo=UTC)
    clinic.run(WATCH)
    assert clinic.case(case_id)["clock"]["breached_on"] is None
    clinic.clock.forward(days=1)
    clinic.run(WATCH)
    clinic.run(WATCH)
    clock = clinic.case(case_id)["clock"]
    assert (clock["breached_on"], clock["days_left"]) == ("2026-12-03", -1)
    assert ["LATE" in text for text in alarms(clinic)] == [False, True]


def test_a_clock_that_stands_still_or_has_ended_warns_nobody(clinic):
    """While the person is asked who they are, and once the answer is given."""
    doubtful, closed = clinic.enter().json["id"], clinic.enter().json["id"]
    clinic.act(doubtful, "identity", {"method": "call-back", "outcome": "doubtful", "reason": "no-answer"})
    clinic.act(closed, "withdrawal")
    clinic.clock.forward(days=60)
    clinic.run(WATCH)
    assert alarms(clinic) == []


def ended(clinic) -> list[str]:
    """The decisions that a term was over."""
    ends = sa.select(issued_decisions.c.decision).where(issued_decisions.c.type == "discreet.decision.term-end.v1")
    with clinic.tools.database.reading() as session:
        return list(session.scalars(ends))


def close_one(clinic) -> str:
    """A request that was granted and closed."""
    clinic.hold("newsletter", SUBSCRIPTION)
    case_id = clinic.assessed()
    clinic.act(case_id, "decision", {"outcome": "grant", "records": [NEWS]})
    clinic.settle()
    assert clinic.case(case_id)["state"] == "closed"
    return case_id


def test_p33_the_file_of_a_request_goes_when_its_term_is_over_and_its_row_stays(clinic):
    """Who asked and what was written becomes unreadable; that a request was made and answered remains."""
    case_id = close_one(clinic)
    clinic.mails()
    with clinic.tools.database.reading() as session:
        keys = {*session.scalars(sa.select(RightsRequest.key_id)), *session.scalars(sa.select(Letter.key_id))}
    clinic.clock.now += timedelta(days=5 * 365)
    clinic.run(END)
    clinic.settle()
    assert clinic.case(case_id)["contact"]["name"] == "Anna Jansen"
    clinic.clock.forward(days=3)
    clinic.run(END)
    clinic.run(END)
    assert len(ended(clinic)) == 1
    clinic.settle()
    case = clinic.case(case_id)
    assert (case["state"], case["outcome"], case["contact"]) == ("closed", "granted", None)
    assert clinic.tools.vault.surviving(keys) == set()
    with clinic.tools.database.reading() as session:
        assert keys_in_use(session, [RightsRequest.metadata], keys) == set()
        assert session.scalar(sa.select(sa.func.count()).select_from(Candidate)) == 0
        assert session.scalar(sa.select(sa.func.count()).select_from(IdentityCheck)) == 1
        assert session.scalars(sa.select(RightsRequest.email_ref)).all() == [None]
        assert session.scalars(sa.select(RightsRequest.refs)).all() == [[]]
    letter = case["letters"][-1]["id"]
    assert clinic.get(f"requests/{case_id}/letters/{letter}").status_code == 410


def test_p76_the_file_of_a_destruction_is_kept_as_long_as_the_record_would_have_been(clinic):
    """It is the proof that destroying was right."""
    invoice = clinic.hold("dossier", "3f1c0000-0000-4000-8000-000000000004")
    case_id = clinic.assessed()
    named = {"service": "dossier", "category": "invoices", "id": invoice}
    clinic.act(case_id, "decision", {"outcome": "grant", "records": [named], "consequences_acknowledged": True})
    clinic.settle()
    clinic.clock.now += timedelta(days=19 * 365)
    clinic.run(END)
    clinic.settle()
    assert clinic.case(case_id)["contact"]["name"] == "Anna Jansen"
    clinic.clock.now += timedelta(days=2 * 365)
    clinic.run(END)
    clinic.settle()
    assert clinic.case(case_id)["contact"] is None


def test_a_closed_request_can_be_erased_by_a_later_one(clinic):
    """A person may also want the file of an earlier request gone."""
    earlier = clinic.enter().json["id"]
    clinic.act(earlier, "withdrawal")
    later = clinic.assessed()
    named = {"service": "requests", "category": "rights-requests", "id": earlier}
    assert clinic.act(later, "decision", {"outcome": "grant", "records": [named]}).status_code == 200
    clinic.settle()
    assert clinic.case(earlier)["contact"] is None
    assert clinic.case(later)["contact"]["name"] == "Anna Jansen"
    assert clinic.case(later)["state"] == "closed"
    assert clinic.act(later, "identity", VERIFIED).status_code == 409


def test_p76_an_order_to_erase_an_open_request_changes_nothing(clinic):
    """Whatever a decision says: the store keeps what is still being dealt with, and does not call it left behind."""
    case_id = clinic.enter().json["id"]
    with clinic.tools.database.transaction() as session:
        acted = erase(session, clinic.tools, [case_id], clinic.clock())
        assert acted == {}
        assert left(session, [case_id]) == 0
    assert clinic.case(case_id)["contact"]["name"] == "Anna Jansen"
