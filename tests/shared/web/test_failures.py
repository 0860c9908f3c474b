"""Every error is one problem with one status, says nothing of the inside, and for a person it is a page."""

from __future__ import annotations

import hashlib
import json
import logging
from dataclasses import replace
from urllib.parse import quote

import pytest
from marshmallow import Schema, fields, validate

from shared import errors
from shared.log import JsonLines
from shared.web import FORM, HTML, JSON, PUBLIC, Answers, Api, Both, Page, Redirect
from shared.web.app import build_app
from shared.web.kinds import KINDS
from shared.web.problems import STATUS

BROWSER = {"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}
ENGLISH = BROWSER | {"Accept-Language": "en-GB,en;q=0.9,nl;q=0.8"}
FORM_PAGE = """{% extends "web/page.html" %}{% from "web/fields.html" import field, text_area, choice, tick, submit
with context %}{% block title %}{{ say("Vraag", "Question") }}{% endblock %}{% block content %}
<form method="post">{{ field("name", say("Naam", "Name"), required=true) }}{{ text_area("message", "Tekst") }}
{{ choice("how", "Hoe", [("mail", "Per mail"), ("post", "Per post")]) }}{{ tick("sure", "Zeker") }}
{{ field("code", "Code", type="password") }}{{ submit("Verstuur") }}</form>{% endblock %}"""


class QuestionSchema(Schema):
    """A question of a visitor."""

    name = fields.String(required=True, validate=validate.Length(max=10, error=Both("Korter graag.", "Shorter.")))
    message = fields.String()
    how = fields.String(validate=validate.OneOf(["mail", "post"]))
    sure = fields.Boolean()
    code = fields.String(validate=validate.Length(max=20))
    language = fields.String()


api = Api("questions")
RAISED: dict[str, Exception] = {
    "conflict": errors.ConflictError("It was closed."),
    "gone": errors.GoneError(Both("Deze link is al gebruikt.", "This link was used.")),
    "unavailable": errors.UnavailableError("vault"),
    "too-many-requests": errors.TooManyRequestsError(30),
    "outside-party": errors.RetryableError("no answer", retry_after=5),
    "internal": RuntimeError("the value is jan@example.nl"),
    "not-found": errors.NotFoundError("No such thing."),
}


@api.get("/v1/raise/<kind>", who=PUBLIC, answers=Answers(204))
def raise_it(call):
    """Fail."""
    raise RAISED[call.path["kind"]]


@api.get("/question", who=PUBLIC, answers=Answers(200, media=HTML))
def show_form(call):
    """Show the form."""
    return Page("newsletter/form.html")


@api.post("/question", who=PUBLIC, body=QuestionSchema, media=(FORM, JSON), form=show_form, answers=Answers(202))
def ask(call):
    """Take the form."""
    if call.body["name"] == "closed":
        raise errors.ConflictError("It is closed.")
    return Redirect("/question/thanks")


@api.get("/broken", who=PUBLIC, answers=Answers(200, media=HTML))
def broken(call):
    """Show a page whose template asks for what nobody gave."""
    return Page("newsletter/broken.html")


@api.post("/broken", who=PUBLIC, body=QuestionSchema, media=(FORM,), form=broken, answers=Answers(202))
def ask_broken(call):
    """Take a form that cannot be shown again."""
    return Redirect("/")


@pytest.fixture
def http(client, tmp_path):
    """Make a client of these routes, with their templates."""
    (tmp_path / "form.html").write_text(FORM_PAGE)
    (tmp_path / "broken.html").write_text("{{ nobody_gave_this }}")
    return client(api)


@pytest.mark.parametrize("kind", RAISED)
def test_an_error_is_a_problem_of_its_kind(http, problem, kind) -> None:
    """A program goes by the type, which is stable, and by the status."""
    assert problem(http.get(f"/newsletter/v1/raise/{kind}")) == kind


def test_a_problem_says_what_the_error_says(http) -> None:
    """The detail is the error's, in English; what is in both languages is too."""
    assert http.get("/newsletter/v1/raise/conflict").json["detail"] == "It was closed."
    assert http.get("/newsletter/v1/raise/gone").json["detail"] == "This link was used."


@pytest.mark.parametrize("name", ["anna@example.nl", "Anna Jansen", "0612345678", "x" * 200, "\u202eanna"])
def test_p4_what_cannot_be_the_name_of_a_field_is_not_repeated(http, name) -> None:
    """A body that was no form at all has a person's words where names should be."""
    for media, browser in ((JSON, {}), (FORM, {}), (FORM, BROWSER)):
        body = json.dumps({name: "x"}) if media == JSON else f"{quote(name)}=x&{quote(name)}=y"
        answer = http.post("/newsletter/question", data=body, headers=browser | {"Content-Type": media})
        assert answer.status_code == 422
        assert name not in answer.get_data(as_text=True)
    assert "bsn" in http.post("/newsletter/question", json={"name": "Anna", "bsn": "x"}).json["errors"]


def test_a_program_that_asks_for_dutch_gets_dutch(http) -> None:
    """The console shows a service's reasons to people, in their language."""
    told = http.get("/newsletter/v1/raise/gone", headers={"Accept-Language": "nl"})
    assert (told.json["detail"], told.json["title"]) == ("Deze link is al gebruikt.", "Er niet meer")
    assert told.headers["Content-Language"] == "nl"
    assert http.get("/newsletter/v1/raise/unavailable").json["part"] == "vault"
    assert http.get("/newsletter/v1/raise/too-many-requests").headers["Retry-After"] == "30"


def test_every_error_of_ours_has_a_status_but_those_that_are_our_fault() -> None:
    """A new error must be put in the table, or be on this list on purpose."""
    ours = {cls for cls in vars(errors).values() if isinstance(cls, type) and issubclass(cls, Exception)}
    inside = {errors.DiscreetError, errors.ConfigurationError, errors.IntegrityError}
    assert {cls for cls in ours if not set(cls.__mro__) & set(STATUS)} == inside


def test_p4_an_unforeseen_error_says_nothing_of_the_inside(http, caplog) -> None:
    """Neither the caller nor the log learns a value: the log has the type and the frames."""
    logging.getLogger("sqlalchemy")  # the formatter is what matters, whoever logs
    answer = http.get("/newsletter/v1/raise/internal")
    assert answer.status_code == 500
    assert "jan@example.nl" not in answer.text
    lines = [JsonLines().format(record) for record in caplog.records]
    assert "jan@example.nl" not in "".join(lines)
    failed = next(json.loads(line) for line in lines if "exception" in line)
    assert failed["exception"] == "RuntimeError"
    assert any(frame.endswith(":raise_it") for frame in failed["frames"])


def test_a_browser_gets_a_page_with_the_same_status(http) -> None:
    """In its own language, and with what the error has to say where it can say it in both."""
    gone = http.get("/newsletter/v1/raise/gone", headers=BROWSER)
    assert (gone.status_code, gone.mimetype) == (410, "text/html")
    assert "Deze link is al gebruikt." in gone.text
    conflict = http.get("/newsletter/v1/raise/conflict", headers=BROWSER)
    assert "De huidige stand van zaken laat dit niet toe." in conflict.text
    assert "It was closed." in http.get("/newsletter/v1/raise/conflict", headers=ENGLISH).text
    assert http.get("/nothing", headers=BROWSER).mimetype == "text/html"


def test_a_form_comes_back_with_what_was_typed_and_what_is_wrong(http) -> None:
    """Nobody types a message twice because of one wrong field."""
    typed = {"name": "Jan <b>& Piet</b>", "message": "\nRegel", "how": "post", "sure": "true", "code": "geheim" * 9}
    answer = http.post("/newsletter/question", data=typed, headers=BROWSER)
    assert (answer.status_code, answer.mimetype) == (422, "text/html")
    assert 'value="Jan &lt;b&gt;&amp; Piet&lt;/b&gt;"' in answer.text
    assert "Korter graag." in answer.text
    assert 'value="post" checked' in answer.text
    assert 'value="true" checked' in answer.text
    assert "\n\nRegel</textarea>" in answer.text  # a browser drops the first newline
    assert "geheim" not in answer.text  # passwords are typed again
    assert 'aria-describedby="name-wrong-1"' in answer.text


def test_a_form_comes_back_in_the_language_it_was_in(http) -> None:
    """The field decides, then the browser, then Dutch."""
    for how, expected in (
        ({"headers": ENGLISH}, "Shorter."),
        ({"headers": BROWSER}, "Korter graag."),
        ({"headers": BROWSER | {"Accept-Language": "de"}}, "Korter graag."),
    ):
        assert expected in http.post("/newsletter/question", data={"name": "x" * 11}, **how).text
    answer = http.post("/newsletter/question", data={"name": "x" * 11, "language": "en"}, headers=BROWSER)
    assert "Shorter." in answer.text
    assert "Question" in http.get("/newsletter/question?language=en", headers=BROWSER).text


def test_the_messages_of_the_validators_are_in_dutch_too(http) -> None:
    """Nobody reads "Missing data for required field." on a Dutch page."""
    answer = http.post("/newsletter/question", data={"message": "Dag", "how": "fax"}, headers=BROWSER)
    assert "Vul dit in." in answer.text
    assert "Kies een van: mail, post." in answer.text
    assert "Missing data" not in answer.text


def test_a_form_comes_back_also_when_the_action_refuses(http) -> None:
    """What was typed is kept whatever went wrong."""
    answer = http.post("/newsletter/question", data={"name": "closed", "message": "Dag"}, headers=BROWSER)
    assert answer.status_code == 409
    assert ">\nDag</textarea>" in answer.text
    assert "Kan nu niet" in answer.text


def test_a_program_that_sends_the_form_gets_a_problem(http, problem) -> None:
    """A site's server is no browser, though it sends a form."""
    assert problem(http.post("/newsletter/question", data={"name": "x" * 11})) == "invalid-input"
    assert problem(http.post("/newsletter/question", json={"name": "x" * 11}, headers=BROWSER)) == "invalid-input"


def test_a_broken_page_is_an_internal_problem_and_no_more(http, problem) -> None:
    """An error in showing an error ends; it is not answered by the server's own page."""
    answer = http.get("/newsletter/broken", headers=BROWSER)
    assert (answer.status_code, answer.mimetype) == (500, "text/html")
    answer = http.post("/newsletter/broken", data={}, headers=BROWSER)
    assert (answer.status_code, answer.mimetype) == (500, "text/html")
    assert "Er ging iets mis" in answer.text
    assert "nobody_gave_this" not in answer.text


def test_an_error_page_that_fails_gives_way_to_a_problem(http, problem) -> None:
    """Then at least a program's answer."""
    http.application.jinja_loader.mapping["web"].searchpath.clear()
    assert problem(http.get("/newsletter/v1/raise/gone", headers=BROWSER)) == "internal"


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.slug)
def test_each_type_of_problem_is_explained_at_its_address(http, kind) -> None:
    """The type of a problem is an address where people find out what it means, in two languages."""
    assert kind.title.dutch in http.get(kind.type, headers=BROWSER).text
    english = http.get(kind.type, headers=ENGLISH)
    assert english.status_code == 200
    assert kind.title in english.text
    assert kind.meaning in english.text


def test_a_page_is_marked_in_trial_and_only_there(http, mount, settings) -> None:
    """Nobody takes a trial for the real thing, or the other way about."""
    assert "PROEFOMGEVING" in http.get("/newsletter/question").text
    real = mount(api)
    live = replace(real, tools=replace(real.tools, settings=replace(settings, mode="live")))
    assert "PROEFOMGEVING" not in build_app([live]).test_client().get("/newsletter/question").text


def test_pages_load_nothing_from_elsewhere(http) -> None:
    """The style sheet is ours, may be kept by browsers, and changes its address when it changes."""
    page = http.get("/newsletter/question", headers=BROWSER).text
    assert "//" not in page.replace("<!doctype", "")
    assert "<script" not in page
    address = page.partition('rel="stylesheet" href="')[2].partition('"')[0]
    sheet = http.get(address)
    assert (sheet.status_code, sheet.mimetype) == (200, "text/css")
    assert sheet.headers["Cache-Control"] == "public, max-age=86400"
    assert "url(" not in sheet.text
    assert address.endswith(hashlib.sha256(sheet.data).hexdigest()[:12])
    assert http.get("/newsletter/static/..%2fpages.py").status_code == 404
