"""Routes are declared once, say who may call them, and are the same wherever the service is mounted."""

from __future__ import annotations

import subprocess
import sys

import pytest
from marshmallow import Schema, fields

from shared.web import HTML, PUBLIC, SERVICES, Answer, Answers, Api, Document, Redirect, Staff, TimeField
from shared.web.app import build_app
from shared.web.registry import mounted_routes


class WhoSchema(Schema):
    """Who called."""

    subject = fields.String()
    acting_for = fields.String()
    purpose = fields.String()


class NoteSchema(Schema):
    """Something with a field that does not leave."""

    shown = fields.String()
    at = TimeField()


api = Api("people")


def _who(call):
    visitor = call.visitor
    acting = {"acting_for": visitor.on_behalf_of, "purpose": visitor.purpose} if visitor else {}
    return Answer({"subject": visitor.subject if visitor else "anyone", **acting})


@api.get("/v1/public", who=PUBLIC, answers=Answers(200, WhoSchema))
def public(call):
    """Say who calls."""
    return _who(call)


@api.get("/v1/staff", who=Staff("physician", "tool"), answers=Answers(200, WhoSchema))
def staff(call):
    """Say who calls."""
    return Answer({"subject": call.principal.subject, "acting_for": call.principal.on_behalf_of})


@api.get("/v1/either", who=PUBLIC | Staff("front-desk"), answers=Answers(200, WhoSchema))
def either(call):
    """Say who calls."""
    return _who(call)


@api.get("/v1/services", who=SERVICES, answers=Answers(200, WhoSchema))
def services(call):
    """Say who calls."""
    return _who(call)


@api.get("/v1/notes/<note_id>", who=PUBLIC, answers=Answers(200, NoteSchema))
def note(call):
    """Show a note."""
    return Answer({"shown": call.path["note_id"], "hidden": "secret", "at": call.now}, etag="7")


@api.post("/v1/notes", who=PUBLIC, answers=Answers(201, NoteSchema))
def make_note(call):
    """Make a note."""
    return Answer({"shown": "new"}, location="/newsletter/v1/notes/new")


@api.get("/v1/export", who=PUBLIC, answers=Answers(200, media="text/csv"))
def export(call):
    """Give a file."""
    return Document(b"a,b\n", "text/csv", filename="export naïef.csv")


@api.get("/v1/elsewhere", who=PUBLIC, answers=Answers(200, media=HTML))
def elsewhere(call):
    """Send a browser on."""
    return Redirect("https://clinic.example/thanks")


@pytest.fixture
def http(client):
    """Make a client of these routes."""
    return client(api)


@pytest.mark.parametrize("options", [{"answers": Answers(200)}, {"who": PUBLIC}, {}])
def test_a_route_that_does_not_say_who_or_what_it_answers_fails_at_import(options) -> None:
    """There is no default that somebody could forget to change."""
    with pytest.raises(TypeError, match="must say"):
        Api("forgetful").get("/v1/secrets", **options)


def test_staff_without_a_role_is_refused() -> None:
    """An empty list must not come to mean everybody."""
    with pytest.raises(TypeError):
        Staff()


@pytest.mark.parametrize(
    ("path", "token", "status"),
    [
        ("public", None, 200),
        ("public", "nonsense", 200),  # a provider's own Authorization is none of our business
        ("staff", None, 401),
        ("staff", "nonsense", 401),
        ("staff", "physician:anna", 200),
        ("staff", "assistant:bea", 403),
        ("staff", "service:intake", 403),
        ("either", None, 200),
        ("either", "nonsense", 401),
        ("either", "front-desk:cor", 200),
        ("either", "physician:anna", 403),
        ("services", "service:intake", 200),
        ("services", "admin:dirk", 403),
    ],
)
def test_p4_only_the_declared_roles_come_in(http, bearer, path, token, status) -> None:
    """Every route is closed but to those it names."""
    answer = http.get(f"/newsletter/v1/{path}", headers=bearer(token) if token else {})
    assert answer.status_code == status
    assert ("WWW-Authenticate" in answer.headers) == (status == 401)


def test_another_scheme_is_not_a_token(http) -> None:
    """Basic credentials of a proxy do not open anything."""
    assert http.get("/newsletter/v1/staff", headers={"Authorization": "Basic cGh5c2ljaWFuOmFubmE="}).status_code == 401


def test_a_tool_says_for_whom_and_why(http, bearer) -> None:
    """What a tool states is on its principal; what staff state is not theirs to state."""
    said = {"On-Behalf-Of": "anna", "Purpose": "intake"}
    assert http.get("/newsletter/v1/staff", headers=bearer("tool:agenda") | said).json["acting_for"] == "anna"
    assert http.get("/newsletter/v1/staff", headers=bearer("physician:anna") | said).json["acting_for"] is None
    assert http.get("/newsletter/v1/staff", headers=bearer("tool:agenda") | {"Purpose": "x" * 201}).status_code == 422


def test_only_declared_fields_leave(http) -> None:
    """The answer's schema is a closed list; times are RFC 3339 in UTC."""
    answer = http.get("/newsletter/v1/notes/n1")
    assert answer.json == {"shown": "n1", "at": "2026-03-01T12:00:00.000000Z"}
    assert answer.headers["ETag"] == '"7"'


def test_what_is_made_is_answered_with_its_place(http) -> None:
    """The status comes from the declaration, the place from the view."""
    answer = http.post("/newsletter/v1/notes")
    assert (answer.status_code, answer.headers["Location"]) == (201, "/newsletter/v1/notes/new")


def test_a_document_leaves_as_it_is(http) -> None:
    """Bytes, their media type and a name to save them under."""
    answer = http.get("/newsletter/v1/export")
    assert (answer.data, answer.mimetype) == (b"a,b\n", "text/csv")
    assert "attachment" in answer.headers["Content-Disposition"]


def test_a_browser_is_sent_on_with_303(http) -> None:
    """So that it does not send its form again."""
    answer = http.get("/newsletter/v1/elsewhere")
    assert (answer.status_code, answer.headers["Location"]) == (303, "https://clinic.example/thanks")


def test_head_and_options_behave(http, problem) -> None:
    """HEAD is GET without a body; OPTIONS names the methods and asks for no token; another method is 405."""
    head = http.head("/newsletter/v1/notes/n1")
    assert (head.status_code, head.data) == (200, b"")
    options = http.options("/newsletter/v1/staff")
    assert options.status_code == 200
    assert set(options.allow) == {"GET", "HEAD", "OPTIONS"}
    wrong = http.delete("/newsletter/v1/notes")
    assert problem(wrong) == "method-not-allowed"
    assert set(wrong.headers["Allow"].split(", ")) == {"POST", "OPTIONS"}


def test_a_trailing_slash_is_no_redirect(http) -> None:
    """A POST that is redirected loses its body in many clients."""
    assert http.post("/newsletter/v1/notes/").status_code == 201


@pytest.mark.parametrize("path", ["/newsletter/v1/notes/a%00b", "/newsletter/v1/nothing", "/nothing", "//newsletter"])
def test_what_is_not_there_is_a_problem(http, problem, path) -> None:
    """NUL in a path would be a 500 on PostgreSQL."""
    assert problem(http.get(path)) == "not-found"


@pytest.mark.parametrize(
    ("query", "field"), [("a=1", "a"), ("cursor=x&cursor=y", "cursor"), ("a=%00", "query"), ("a%00=1", "query")]
)
def test_a_query_nobody_asked_for_is_refused(http, problem, query, field) -> None:
    """A misspelt filter would otherwise answer with everything."""
    answer = http.get(f"/newsletter/v1/public?{query}")
    assert problem(answer) == "invalid-input"
    assert field in answer.json["errors"]


def test_two_services_may_call_their_views_the_same(mount) -> None:
    """One app for all, or one app each: the same paths."""
    other = Api("people")

    @other.get("/v1/public", who=PUBLIC, answers=Answers(200, WhoSchema))
    def public(call):
        return Answer({"subject": call.tools.name})

    together = build_app([mount(api), mount(other, name="intake")])
    alone = build_app([mount(other, name="intake")])
    assert (together.name, alone.name) == ("services", "services.intake")
    for app in (together, alone):
        assert app.test_client().get("/intake/v1/public").json == {"subject": "intake"}
    assert together.test_client().get("/newsletter/v1/public").json == {"subject": "anyone"}
    assert alone.test_client().get("/newsletter/v1/public").status_code == 404


def test_a_service_may_have_routes_at_the_root(client) -> None:
    """The privacy statement stands at /privacy, whichever service keeps it."""
    statement = Api("statement", at_root=True)

    @statement.get("/privacy", who=PUBLIC, answers=Answers(200, media="text/plain"))
    def privacy(call):
        return Document(b"statement", "text/plain")

    assert client(api, statement).get("/privacy").data == b"statement"


def test_one_path_cannot_be_declared_twice(mount) -> None:
    """Which of the two would answer is nothing to find out in production."""
    with pytest.raises(ValueError, match=r"GET /newsletter/v1/public"):
        build_app([mount(api, api)])


def test_every_route_can_be_listed_with_who_may_call(mount) -> None:
    """The list is what the test of all routes by all roles is made from."""
    listed = {(mounted.route.method, mounted.path): mounted.route.who for mounted in mounted_routes([mount(api)])}
    assert listed["GET", "/newsletter/v1/staff"] == Staff("physician", "tool")
    assert listed["GET", "/newsletter/healthz"] == PUBLIC
    assert listed["GET", "/problems/<slug>"] == PUBLIC


def test_declaring_routes_does_not_load_flask() -> None:
    """Workers and migrations know the tables of the web side, and stay small."""
    code = "import shared.web, shared.web.tables, sys; sys.exit('flask' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_the_page_a_restored_service_may_show_is_the_only_one(client, problem) -> None:
    """After a restore new forms are accepted, and stored data waits until decisions are replayed."""
    again = Api("again")

    @again.post("/v1/forms", who=PUBLIC, answers=Answers(202), while_restoring=True)
    def take(call):
        return Answer()

    http = client(api, again, restoring=lambda: True)
    assert http.post("/newsletter/v1/forms").status_code == 202
    assert problem(http.get("/newsletter/v1/notes/n1")) == "unavailable"
    assert http.get("/newsletter/healthz").status_code == 200
    assert http.get("/newsletter/readyz").json["part"] == "newsletter.restore"
