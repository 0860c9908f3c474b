"""Identity: nothing is looked up, said or given before it is known who asks."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from shared.propagation.tables import issued_decisions
from tests.services.requests.clinic import EMAIL, VERIFIED

DOUBT = {"method": "call-back", "outcome": "doubtful", "reason": "no-answer"}


def issued(clinic) -> list[str]:
    """The types of the decisions issued so far."""
    with clinic.tools.database.reading() as session:
        return list(session.scalars(sa.select(issued_decisions.c.type)))


def test_p63_before_the_check_every_act_answers_the_same_for_known_and_unknown(clinic):
    """Nobody learns from an error whether somebody is known here, and nothing has been asked of any store."""
    clinic.hold("newsletter", "3f1c0000-0000-4000-8000-000000000001")
    known = clinic.enter().json["id"]
    unknown = clinic.enter(email="niemand@voorbeeld.example").json["id"]
    grant = {"outcome": "grant"}
    for act, body in (("decision", grant), ("delivery", {"via": "counter"})):
        answers = [clinic.act(case_id, act, body) for case_id in (known, unknown)]
        assert [answer.status_code for answer in answers] == [409, 409]
        assert answers[0].json == answers[1].json
        assert "received" in answers[0].json["detail"]
    for case_id in (known, unknown):
        assert clinic.case(case_id)["inquiry"] is None
    assert issued(clinic) == []


def test_a_verified_identity_asks_the_own_stores_and_nobody_else(clinic):
    """The question what is held goes out with the check, over every form of what was proved."""
    record = clinic.hold("newsletter", "3f1c0000-0000-4000-8000-000000000001")
    clinic.hold("dossier", "3f1c0000-0000-4000-8000-000000000002", email="ander@voorbeeld.example")
    case_id = clinic.enter().json["id"]
    answer = clinic.act(case_id, "identity", VERIFIED)
    assert answer.json["state"] == "verified"
    assert answer.json["inquiry"]["complete"] is False
    assert issued(clinic) == ["discreet.decision.inquiry.v1"]
    clinic.settle()
    case = clinic.case(case_id)
    assert case["state"] == "assessed"
    assert [(each["service"], each["answered"]) for each in case["inquiry"]["services"]] == [
        ("dossier", True),
        ("intake", True),
        ("newsletter", True),
        ("requests", True),
    ]
    assert case["inquiry"]["candidates"] == [
        {"service": "newsletter", "category": "subscriptions", "id": record, "found": True, "confirmed": None}
    ]


def test_the_request_itself_is_not_among_what_was_found_but_an_earlier_one_is(clinic):
    """A person's other requests are data about them too."""
    other = clinic.enter().json["id"]
    case_id = clinic.assessed()
    found = clinic.case(case_id)["inquiry"]["candidates"]
    assert [(each["category"], each["id"]) for each in found] == [("rights-requests", other)]


def test_p62_the_check_is_kept_as_an_act_and_never_as_a_copy(clinic):
    """What kind of document, by whom, when: no number, no image."""
    case_id = clinic.enter().json["id"]
    act = {"method": "counter", "document_type": "passport", "outcome": "verified", "email": True}
    clinic.act(case_id, "identity", act, "front-desk")
    [check] = clinic.case(case_id)["identity"]
    assert check == {
        "method": "counter",
        "document_type": "passport",
        "outcome": "verified",
        "reason": None,
        "checked_by": "m.devries",
        "checked_at": "2026-11-02T09:00:00.000000Z",
    }
    extra = {"document_number": "NX1234567"}
    assert clinic.act(clinic.enter().json["id"], "identity", act | extra).status_code == 422


def test_a_telephone_number_alone_proves_nobody(clinic):
    """Two people can answer one line."""
    case_id = clinic.enter().json["id"]
    answer = clinic.act(case_id, "identity", {"method": "call-back", "outcome": "verified", "phone": True})
    assert answer.status_code == 422
    assert answer.json["errors"].keys() == {"email"}
    seen = {"method": "counter", "document_type": "id-card", "outcome": "verified", "phone": True}
    assert clinic.act(case_id, "identity", seen).status_code == 200


@pytest.mark.parametrize(
    ("act", "field"),
    [
        ({"method": "counter", "outcome": "verified", "email": True}, "document_type"),
        (
            {"method": "known-account", "document_type": "passport", "outcome": "verified", "email": True},
            "document_type",
        ),
        ({"method": "known-account", "outcome": "verified", "email": True, "reason": "other"}, "reason"),
        ({"method": "known-account", "outcome": "doubtful"}, "reason"),
        ({"method": "known-account", "outcome": "doubtful", "reason": "hij leek me raar"}, "reason"),
        ({"method": "fax", "outcome": "verified", "email": True}, "method"),
    ],
)
def test_a_check_that_contradicts_itself_is_refused(clinic, act, field):
    """A counter has seen a document, certainty has no doubts, and a doubt is one of a closed list."""
    answer = clinic.act(clinic.enter().json["id"], "identity", act)
    assert answer.status_code == 422
    assert answer.json["errors"].keys() == {field}


def test_what_is_not_in_the_request_cannot_have_been_proved(clinic):
    """A request without a number has no number to prove."""
    case_id = clinic.enter(phone=None).json["id"]
    answer = clinic.act(case_id, "identity", VERIFIED | {"phone": True})
    assert answer.status_code == 422
    assert answer.json["errors"].keys() == {"phone"}


def test_a_doubt_stops_the_clock_and_asks_in_neutral_words(clinic):
    """The month stands still only while the person is asked who they are (AVG art. 12(6))."""
    case_id = clinic.enter().json["id"]
    answer = clinic.act(case_id, "identity", DOUBT)
    assert answer.json["state"] == "identity_pending"
    assert answer.json["clock"]["paused_on"] == "2026-11-02"
    mail = clinic.mail("wie ben je")
    assert mail.to == EMAIL
    assert "wij je niet konden bereiken" in mail.text
    assert "Anna" not in mail.text
    assert clinic.tools.policy.authority.url in mail.text
    clinic.clock.forward(days=10)
    clinic.act(case_id, "identity", VERIFIED)
    clock = clinic.case(case_id)["clock"]
    assert clock["paused_on"] is None
    assert clock["due_on"] == "2026-12-14"  # 2 December and ten days is a Saturday


def test_an_identity_that_could_not_be_established_does_not_stop_the_clock(clinic):
    """The answer is then due: a refusal that says why."""
    case_id = clinic.enter().json["id"]
    clinic.act(case_id, "identity", DOUBT)
    clinic.clock.forward(days=3)
    clinic.act(case_id, "identity", DOUBT | {"outcome": "failed"})
    case = clinic.case(case_id)
    assert case["state"] == "identity_pending"
    assert case["clock"]["paused_on"] is None
    assert [each["outcome"] for each in case["identity"]] == ["doubtful", "failed"]


def test_an_identity_is_checked_once(clinic):
    """A second inquiry about a verified request needs a new request."""
    case_id = clinic.enter().json["id"]
    clinic.act(case_id, "identity", VERIFIED)
    answer = clinic.act(case_id, "identity", VERIFIED)
    assert answer.status_code == 409
    assert "verified" in answer.json["detail"]


def test_an_edit_names_the_version_that_was_read(clinic):
    """Two people at two desks do not overwrite each other."""
    case_id = clinic.enter().json["id"]
    path, token = f"/requests/v1/requests/{case_id}/identity", clinic.token("front-desk")
    assert clinic.client.post(path, json=VERIFIED, headers=token).status_code == 428
    stale = token | {"If-Match": '"0"'}
    assert clinic.client.post(path, json=VERIFIED, headers=stale).status_code == 412
    assert clinic.case(case_id)["state"] == "received"


def test_the_front_desk_sees_who_asks_only_while_it_has_to_establish_that(clinic):
    """Afterwards a reference, a state and a clock are enough to help somebody on."""
    clinic.hold("newsletter", "3f1c0000-0000-4000-8000-000000000001")
    case_id = clinic.enter().json["id"]
    before = clinic.case(case_id, "front-desk")
    assert before.keys() == {"id", "reference", "kind", "state", "outcome", "clock", "contact"}
    assert before["contact"]["email"] == EMAIL
    clinic.act(case_id, "identity", VERIFIED, "front-desk")
    clinic.settle()
    after = clinic.case(case_id, "front-desk")
    assert after.keys() == before.keys() - {"contact"}


def test_the_fg_reads_everything_but_what_the_person_wrote_and_decides_nothing(clinic):
    """The message can hold medical data; the officer supervises and does not act (AVG art. 38)."""
    case_id = clinic.assessed()
    assert "message" not in clinic.case(case_id, "fg")
    assert clinic.case(case_id, "fg")["contact"]["name"] == "Anna Jansen"
    assert clinic.case(case_id)["message"].startswith("Wis alles")
    for act in ("identity", "decision", "extension", "withdrawal", "delivery"):
        assert clinic.act(case_id, act, {}, "fg").status_code == 403


def test_nobody_reads_a_request_without_a_token(clinic):
    """A reference opens nothing."""
    case_id = clinic.enter().json["id"]
    assert clinic.client.get(f"/requests/v1/requests/{case_id}").status_code == 401
    assert clinic.client.get("/requests/v1/requests").status_code == 401
    assert clinic.get(f"requests/{case_id}", "assistant").status_code == 403
    assert clinic.get("requests/00000000-0000-4000-8000-000000000000").status_code == 404
