"""What a builder of a website may see of forms that failed: when, where and why, and nothing of what was in them."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from shared.web import attempts
from shared.web.tables import form_attempts
from tests.services.intake.test_sites import CLINIC, GUARDED, KEY, STRANGER, signed, sites_of
from tests.services.intake.website import BROWSER, FORM, SUBMIT, open_website


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.xdist_group("servers"))])
def clinic(request, tmp_path):
    """Give an intake with two websites of the clinic, on either database."""
    server = request.getfixturevalue("postgres_environ")() if request.param == "postgresql" else {}
    with open_website(tmp_path, sites_of(tmp_path, GUARDED) | server) as found:
        yield found


def listed(clinic, **query: str) -> list[tuple]:
    """What is listed, the latest first."""
    answer = clinic.client.get("/intake/v1/form-attempts", query_string=query, headers=clinic.bearer("admin"))
    assert answer.status_code == 200
    return [(each["site"], each["form"], each["problem"], each["names"]) for each in answer.json["items"]]


def test_p4_a_builder_sees_why_forms_were_refused_and_nothing_of_what_was_in_them(clinic) -> None:
    """Of each kind of mistake one; a form that was taken is not among them, and a robot fills it only so far."""
    send = clinic.client.post
    send(SUBMIT, json=FORM, headers={"Origin": CLINIC})
    send(SUBMIT, json=FORM | {"message": "", "bsn": "123456782"}, headers={"Origin": CLINIC})
    send(f"{SUBMIT}?site=shop", data=FORM, headers=BROWSER)
    send(SUBMIT, data=b"{}", headers=signed(b"{}", key=KEY[::-1]))
    send(SUBMIT, data=b"{anna", content_type="application/json", headers={"Origin": STRANGER})
    send(SUBMIT, json=FORM | {"website": "x", "anna@voorbeeld.example": "x"}, headers={"Origin": CLINIC})
    send(SUBMIT, json=FORM | {"website": "x"}, headers={"Origin": CLINIC})
    assert listed(clinic) == [
        ("www", "contact-forms", "set-aside", ["trap"]),
        ("www", "contact-forms", "invalid-input", ["?"]),
        (None, "contact-forms", "forbidden", []),
        ("www", "contact-forms", "unauthenticated", []),
        ("shop", "contact-forms", "invalid-input", ["form_token"]),
        ("www", "contact-forms", "invalid-input", ["bsn", "message"]),
    ]
    assert [site for site, *_ in listed(clinic, site="shop")] == ["shop"]
    with clinic.tools.database.reading() as session:
        stored = str(session.execute(sa.select(form_attempts)).all())
    assert not any(word in stored for word in ("anna", "Anna", "lippen", "123456782"))

    noted = {"form": "contact-forms", "problem": "malformed-body", "names": "", "tried_at": clinic.clock()}
    with clinic.tools.database.transaction() as session:
        session.execute(sa.insert(form_attempts), [noted] * (attempts.KEPT + attempts.PRUNED_EVERY - 7))
    send(SUBMIT, json={}, headers={"Origin": CLINIC})
    with clinic.tools.database.reading() as session:
        assert session.scalar(sa.select(sa.func.count()).select_from(form_attempts)) == attempts.KEPT
