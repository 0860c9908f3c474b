"""Coming in, staying in, and being out: nobody sees a page without an account that still holds."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import pytest
from flask import Flask, session

from services.console import actions
from services.console.app import create_app
from services.console.records import Secrecy
from services.console.rules import LONGEST_IDLE, LONGEST_SESSION, MOST_FROM_ONE_PLACE
from services.console.service import Console
from services.console.sessions import COOKIE
from shared.clock import system_clock
from shared.errors import ConfigurationError
from tests.services.console.fake_requests import CASE, DECISION

STAFF_PASSWORD = "correct horse battery"


@pytest.fixture
def staff(console: Console):
    """Make an account of staff that the test may close; return its name."""
    name = f"staff-{len(console.accounts.all())}"
    secrecy = Secrecy(kind="contract", reference="2026-17")
    actions.add_account(
        console.accounts,
        name=name,
        display_name="Anna B.",
        roles=["privacy-coordinator"],
        secrecy=secrecy,
        password=STAFF_PASSWORD,
        now=system_clock(),
    )
    return name


@pytest.fixture
def turn(app: Flask, console: Console):
    """Return what sets the console's clock ahead."""

    def ahead(span: timedelta) -> None:
        app.extensions["discreet.console"] = replace(console, clock=lambda: system_clock() + span)

    return ahead


def is_out(answer) -> bool:
    """Tell whether somebody was sent to the sign-in page."""
    return answer.status_code == 303 and answer.location == "/console/sign-in"


def test_p4_no_page_without_signing_in(app, visitor):
    """Every page of the console, found by its routes, sends strangers to the sign-in page, whatever the method."""
    values = {
        "decision_id": DECISION,
        "case_id": CASE,
        "letter_id": CASE,
        "mail_id": CASE,
        "service": "intake",
        "what": "retry",
        "form": "grant",
        "form_id": CASE,
        "closure_id": CASE,
        "incident_id": CASE,
        "record_id": CASE,
    }
    rules = [rule for rule in app.url_map.iter_rules() if rule.endpoint.startswith("console.")]
    adapter = app.url_map.bind("localhost")
    open_to_all = set()
    for rule in rules:
        path = adapter.build(rule.endpoint, {name: values[name] for name in rule.arguments})
        if "GET" in rule.methods and not is_out(visitor.get(path)):
            open_to_all.add(path)
        if "POST" in rule.methods and not is_out(visitor.post(path, seen_on="/console/sign-in")):
            open_to_all.add(path)
    assert open_to_all == {"/console/sign-in", "/console/console.css"}
    assert len(rules) > 10


def test_after_signing_in_comes_the_page_that_was_wanted(visitor, passwords):
    """And Today where none was."""
    assert is_out(visitor.get(f"/console/decisions/{DECISION}"))
    answer = visitor.sign_in("fg", passwords["fg"])
    assert (answer.status_code, answer.location) == (303, f"/console/decisions/{DECISION}")
    visitor.post("/console/sign-out", seen_on="/console/")
    assert visitor.sign_in("fg", passwords["fg"]).location == "/console/"


def test_a_wrong_password_and_an_unknown_name_look_the_same(visitor, passwords):
    """The page does not tell who works here, and keeps no password in its field."""
    wrong = visitor.sign_in("fg", "not the password")
    unknown = visitor.sign_in("nobody", passwords["fg"])
    assert wrong.status_code == unknown.status_code == 401
    assert "De naam en het wachtwoord horen niet bij elkaar." in wrong.text
    said = [each.text.partition("<main")[2].replace("nobody", "fg") for each in (wrong, unknown)]
    assert [text[: text.index("csrf_token")] for text in said] == [said[0][: said[0].index("csrf_token")]] * 2
    assert "not the password" not in wrong.text
    assert 'value="fg"' in wrong.text
    assert is_out(visitor.get("/console/"))


def test_somebody_who_keeps_guessing_must_wait(visitor, passwords):
    """Even the right password is not looked at then."""
    for _ in range(MOST_FROM_ONE_PLACE):
        visitor.sign_in("fg", "not the password")
    answer = visitor.sign_in("fg", passwords["fg"])
    assert answer.status_code == 429
    assert int(answer.headers["Retry-After"]) > 0
    assert "Te veel mislukte pogingen" in answer.text


def test_p82_one_session_cookie_and_nothing_else(visitor, passwords):
    """For the console only, out of reach of scripts, gone when the browser closes."""
    answer = visitor.sign_in("fg", passwords["fg"])
    (cookie,) = answer.headers.getlist("Set-Cookie")
    name, _, rest = cookie.partition("=")
    said = {part.strip().lower() for part in rest.split(";")[1:]}
    assert (name, said) == (COOKIE, {"httponly", "path=/console", "samesite=lax"})


def test_p82_services_on_the_same_origin_have_no_session(app):
    """Nothing of theirs can be kept in the console's cookie."""
    with app.test_request_context("/console/"):
        session["id"] = "somebody's"
    with app.test_request_context("/intake/v1/contact-forms"), pytest.raises(RuntimeError):
        session["id"] = "somebody's"


def test_the_address_without_its_slash_leaves_a_session_as_it_is(signed_in):
    """The cookie goes there too: it would be emptied where it is not seen."""
    anna = signed_in("fg")
    assert anna.get("/console").status_code == 200
    assert anna.get("/console/").status_code == 200


def test_p82_a_console_whose_cookie_is_not_on_the_register_does_not_start(settings, tmp_path):
    """Otherwise nobody could sign in, and nobody would know why."""
    policy = settings.policy.read_text(encoding="utf-8").replace("  discreet_console:", "  another:")
    (tmp_path / "policy.yaml").write_text(policy, encoding="utf-8")
    with pytest.raises(ConfigurationError, match="registers no cookie"):
        create_app(replace(settings, policy=tmp_path / "policy.yaml"))


def test_behind_tls_the_cookie_travels_by_tls_only(settings, passwords):
    """The clinic's public address decides, not the hop behind the edge."""
    secure = create_app(replace(settings, public_url="https://clinic.example"))
    answer = secure.test_client().get("/console/sign-in")
    assert "; secure" in answer.headers["Set-Cookie"].lower()


def test_signing_out_ends_the_session_for_every_copy_of_the_cookie(app, signed_in):
    """A cookie that was copied before is worth nothing afterwards."""
    visitor = signed_in("fg", fresh=True)
    copy = visitor.client.get_cookie(COOKIE, path="/console").value
    assert is_out(visitor.post("/console/sign-out", seen_on="/console/"))
    assert is_out(visitor.get("/console/"))
    thief = app.test_client()
    thief.set_cookie(COOKIE, copy, path="/console")
    assert is_out(thief.get("/console/"))


def test_signing_in_leaves_the_visitors_session_behind(visitor, passwords):
    """Whoever planted a session or knew its form token has nothing in the new one."""
    token = visitor.token("/console/sign-in")
    visitor.sign_in("fg", passwords["fg"])
    answer = visitor.client.post("/console/sign-out", data={"csrf_token": token})
    assert answer.status_code == 403
    assert visitor.get("/console/").status_code == 200


def test_a_session_ends_when_nobody_uses_it(signed_in, turn):
    """After half an hour; whoever works on stays in."""
    visitor = signed_in("fg", fresh=True)
    turn(LONGEST_IDLE - timedelta(minutes=1))
    assert visitor.get("/console/").status_code == 200
    turn(2 * LONGEST_IDLE - timedelta(minutes=5))
    assert visitor.get("/console/").status_code == 200
    turn(3 * LONGEST_IDLE)
    assert is_out(visitor.get("/console/"))


def test_a_session_ends_after_eight_hours_of_work(signed_in, turn):
    """However busy."""
    visitor = signed_in("fg", fresh=True)
    for number in range(1, 32):
        turn(number * timedelta(minutes=15))
        assert visitor.get("/console/").status_code == 200
    turn(LONGEST_SESSION + timedelta(seconds=5))
    assert is_out(visitor.get("/console/"))


def test_closing_an_account_ends_its_sessions(console, visitor, staff):
    """At once, and it cannot begin another."""
    assert visitor.sign_in(staff, STAFF_PASSWORD).status_code == 303
    actions.close_account(console.accounts, staff, system_clock())
    assert is_out(visitor.get("/console/"))
    answer = visitor.sign_in(staff, STAFF_PASSWORD)
    assert answer.status_code == 403
    assert "Dit account is afgesloten." in answer.text


def test_a_new_password_ends_the_sessions_of_the_old_one(console, visitor, staff):
    """Whoever had the old one is out."""
    visitor.sign_in(staff, STAFF_PASSWORD)
    actions.set_password(console.accounts, staff, "another battery horse")
    assert is_out(visitor.get("/console/"))
    assert visitor.sign_in(staff, STAFF_PASSWORD).status_code == 401
    assert visitor.sign_in(staff, "another battery horse").status_code == 303


def test_p40_an_ended_contract_keeps_its_owner_out(console, visitor, staff):
    """Also out of a session that is under way; only who knows the password is told why."""
    visitor.sign_in(staff, STAFF_PASSWORD)
    account = console.accounts.find(staff)
    ended = Secrecy(kind="contract", reference="2026-17", ends_on=date(2020, 1, 1))
    changed = {name: getattr(account, name) for name in account.__struct_fields__} | {"secrecy": ended}
    console.accounts.replace(type(account)(**changed))
    assert is_out(visitor.get("/console/"))
    answer = visitor.sign_in(staff, STAFF_PASSWORD)
    assert answer.status_code == 403
    assert "geheimhouding" in answer.text
    assert "geheimhouding" not in visitor.sign_in(staff, "not the password").text


def test_a_cookie_of_somebody_elses_making_is_no_session(app, visitor):
    """It is signed with a key that only the console has."""
    forger = Flask("forger")
    forger.secret_key = b"guessed"
    value = forger.session_interface.get_signing_serializer(forger).dumps({"id": "x", "name": "fg"})
    visitor.client.set_cookie(COOKIE, value, path="/console")
    assert is_out(visitor.get("/console/"))


@pytest.mark.parametrize("path", ["/console/sign-in", "/console/sign-out", f"/console/requests/{CASE}/grant"])
def test_a_form_without_our_token_is_refused(fake, signed_in, path):
    """A page elsewhere cannot send our forms; nothing reaches the service."""
    visitor = signed_in("privacy-coordinator")
    answer = visitor.client.post(path, data={"name": "x"}, headers={"Accept": "text/html"})
    assert answer.status_code == 403
    assert "Dit formulier is verlopen" in answer.text
    assert fake.asked == []


def test_a_form_that_a_browser_says_came_from_elsewhere_is_refused(signed_in):
    """Even with the right token."""
    visitor = signed_in("fg")
    data = {"csrf_token": visitor.token("/console/")}
    answer = visitor.client.post("/console/sign-out", data=data, headers={"Sec-Fetch-Site": "cross-site"})
    assert answer.status_code == 403


def test_the_language_is_dutch_until_somebody_chooses(visitor, passwords):
    """Whatever the browser prefers; the choice stays after signing in and out, and is not kept in addresses."""
    first = visitor.client.get("/console/sign-in", headers={"Accept-Language": "en"})
    assert "Aanmelden voor medewerkers" in first.text
    assert first.headers["Content-Language"] == "nl"
    chosen = visitor.get("/console/sign-in?lang=en")
    assert (chosen.status_code, chosen.location) == (303, "/console/sign-in")
    assert "Sign in for staff" in visitor.get("/console/sign-in").text
    visitor.sign_in("fg", passwords["fg"])
    assert visitor.get("/console/decisions?state=open&lang=xx").status_code == 200
    assert visitor.get("/console/decisions?state=open&lang=nl").location == "/console/decisions?state=open"
    visitor.get("/console/?lang=en")
    visitor.post("/console/sign-out", seen_on="/console/")
    assert "Sign in for staff" in visitor.get("/console/sign-in").text


def test_choosing_a_language_leads_nowhere_else(signed_in):
    """Words that a framework would take for instructions are only words."""
    answer = signed_in("fg").get("/console/?lang=nl&_external=1&_scheme=https&_anchor=x&next=//evil.example")
    assert answer.location.startswith("/console/?_external=1&")
