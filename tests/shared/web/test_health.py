"""An app says that it lives, whether it is ready, its numbers, and what can be asked of it."""

from __future__ import annotations

import pytest
from marshmallow import Schema, fields, validate
from openapi_spec_validator import validate as validate_openapi

from shared.errors import UnavailableError
from shared.web import (
    FORM,
    HTML,
    JSON,
    MULTIPART,
    PUBLIC,
    RAW,
    SERVICES,
    Answer,
    Answers,
    Api,
    Document,
    FileField,
    Page,
    PageQuerySchema,
    Staff,
    TimeField,
    list_of,
)
from shared.web.app import build_app
from shared.web.mounts import Sample


class ThingSchema(Schema):
    """A thing with fields of many kinds."""

    name = fields.String(required=True, validate=validate.Length(1, 50), metadata={"description": "its name"})
    at = TimeField(allow_none=True)
    photo = FileField()
    kind = fields.String(validate=validate.OneOf(["a", "b"]))
    parts = fields.List(fields.Nested(Schema.from_dict({"size": fields.Integer()}, name="PartSchema")))


class FilterSchema(PageQuerySchema):
    """Which things."""

    kind = fields.String()


api = Api("things")
THINGS = list_of(ThingSchema)


@api.get("/v1/things", who=Staff("physician", "tool"), query=FilterSchema, answers=Answers(200, THINGS))
def list_things(call):
    """List things."""
    return Answer(call.listing([], position=lambda row: []))


@api.post(
    "/v1/things",
    who=PUBLIC | Staff("physician"),
    body=ThingSchema,
    media=(JSON, FORM, MULTIPART),
    idempotent=True,
    limit="10/minute",
    answers=Answers(201, ThingSchema),
    form=lambda call: Page("x"),
)
def make_thing(call):
    """Make a thing."""
    return Answer({})


@api.put("/v1/things/<thing_id>", who=SERVICES, body=ThingSchema, answers=Answers(204))
def edit_thing(call):
    """Edit a thing."""
    return Answer()


@api.post("/v1/webhooks/<provider>/<secret>", who=PUBLIC, body=RAW, answers=Answers(202))
def webhook(call):
    """Take what a provider sends."""
    return Answer()


@api.get("/confirm/<token>", who=PUBLIC, answers=Answers(200, media=HTML))
def confirm(call):
    """Show the page."""
    return Page("x")


root = Api("root", at_root=True)


@root.get("/.well-known/security.txt", who=PUBLIC, answers=Answers(200, media="text/plain"))
def security(call):
    """Say whom to write."""
    return Document(b"Contact: x", "text/plain")


def test_an_app_lives_and_is_ready(client) -> None:
    """At the root and under the service's own path."""
    http = client(api)
    for path in ("/healthz", "/readyz", "/newsletter/healthz", "/newsletter/readyz"):
        assert http.get(path).status_code == 200, path


def test_what_is_not_ready_is_named(mount, problem) -> None:
    """Of all services at the root; a service that is well answers for itself."""

    def down() -> None:
        raise UnavailableError("database")

    def worse() -> None:
        raise OSError("secret path")

    ill = mount(api, name="intake", checks={"database": down, "worker": worse, "disk": lambda: None})
    http = build_app([mount(api), ill]).test_client()
    answer = http.get("/readyz")
    assert problem(answer) == "unavailable"
    assert answer.json["part"] == "intake.database, intake.worker"
    assert "secret path" not in answer.text
    assert http.get("/newsletter/readyz").status_code == 200
    assert http.get("/healthz").status_code == 200


def test_numbers_are_in_prometheus_form(mount) -> None:
    """Samples of one name stand together under one heading, each with its service."""
    waiting = [Sample("discreet_waiting", 3, {"queue": 'a"b'}, "Rows that wait."), Sample("discreet_waiting", 1.5)]
    mounts = [mount(name="intake", metrics=lambda: waiting), mount(metrics=lambda: waiting[1:])]
    text = build_app(mounts).test_client().get("/metrics").text
    assert text.splitlines() == [
        "# HELP discreet_waiting Rows that wait.",
        "# TYPE discreet_waiting gauge",
        'discreet_waiting{service="intake",queue="a\\"b"} 3',
        'discreet_waiting{service="intake"} 1.5',
        'discreet_waiting{service="newsletter"} 1.5',
    ]


@pytest.mark.parametrize(
    ("address", "headers", "status"),
    [
        ("127.0.0.1", {}, 200),
        ("10.1.2.3", {}, 200),
        ("::1", {}, 200),
        ("8.8.8.8", {}, 404),
        ("127.0.0.1", {"X-Forwarded-For": "8.8.8.8"}, 404),  # an edge passed it on
        ("", {}, 404),
    ],
)
def test_numbers_are_for_callers_from_inside(client, address, headers, status) -> None:
    """How busy a clinic is, is nobody's business outside."""
    answer = client(api).get("/newsletter/metrics", environ_base={"REMOTE_ADDR": address}, headers=headers)
    assert answer.status_code == status


def test_the_policy_and_the_events_are_public(mount) -> None:
    """What the clinic promises in numbers, and what its services tell each other."""
    app = build_app([mount(api, policy=lambda: {"version": "1"})], asyncapi=lambda: {"asyncapi": "3.0.0"})
    assert app.test_client().get("/newsletter/v1/policy").json == {"version": "1"}
    assert app.test_client().get("/asyncapi.json").json == {"asyncapi": "3.0.0"}


def test_the_description_is_valid_openapi(client) -> None:
    """Checked by somebody else's reader."""
    description = client(api, root, policy=dict).get("/newsletter/openapi.json").json
    assert description["openapi"] == "3.1.0"
    validate_openapi(description)


def test_the_description_says_what_the_routes_say(client) -> None:
    """Bodies in each media type, the statuses, who may call, and where the paths stand."""
    paths = client(api, root).get("/newsletter/openapi.json").json
    assert paths["servers"] == [{"url": "/newsletter"}]
    make = paths["paths"]["/v1/things"]["post"]
    assert set(make["requestBody"]["content"]) == {JSON, FORM, MULTIPART}
    assert {"201", "303", "400", "401", "403", "413", "415", "422", "429", "500"} <= set(make["responses"])
    assert make["x-roles"] == ["physician"]
    assert {} in make["security"]
    assert [parameter["name"] for parameter in make["parameters"]] == ["Idempotency-Key"]
    listing = paths["paths"]["/v1/things"]["get"]
    assert {parameter["name"] for parameter in listing["parameters"]} == {"cursor", "limit", "kind"}
    assert "security" not in paths["paths"]["/confirm/{token}"]["get"]
    assert paths["paths"]["/.well-known/security.txt"]["get"]["servers"] == [{"url": "/"}]
    thing = paths["components"]["schemas"]["Thing"]
    assert thing["properties"]["photo"]["format"] == "binary"
    assert thing["required"] == ["name"]
