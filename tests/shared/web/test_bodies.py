"""Bodies are read strictly, whatever a client or a hostile sender makes of them."""

from __future__ import annotations

import json
from contextlib import suppress
from io import BytesIO

import pytest
from hypothesis import given
from hypothesis import strategies as st
from marshmallow import Schema, fields, validate
from werkzeug.datastructures import Headers

from shared.errors import InvalidInputError, MalformedBodyError, TooLargeError
from shared.web import FORM, JSON, MULTIPART, PUBLIC, RAW, Answer, Answers, Api, FileField
from shared.web.bodies import media_type, read_pairs

CONTACT = "/newsletter/v1/forms"


class FormSchema(Schema):
    """A form with every kind of field."""

    name = fields.String(required=True, validate=validate.Length(1, 50))
    email = fields.Email()
    topics = fields.List(fields.String())
    number = fields.Integer()
    photo = FileField()
    words = fields.Dict()
    inner = fields.Nested(Schema.from_dict({"part": fields.String()}))


class EchoSchema(Schema):
    """What came in, as it came in."""

    got = fields.Raw()


api = Api("forms")


@api.post("/v1/forms", who=PUBLIC, body=FormSchema, media=(JSON, FORM, MULTIPART), answers=Answers(200, EchoSchema))
def take_form(call):
    """Take a form."""
    body = dict(call.body)
    if upload := body.pop("photo", None):
        body["photo"] = [upload.filename, upload.media, upload.content.decode()]
    return Answer({"got": body})


@api.post("/v1/json", who=PUBLIC, body=FormSchema, answers=Answers(200, EchoSchema))
def take_json(call):
    """Take JSON only."""
    return Answer({"got": call.body})


@api.post("/v1/webhook", who=PUBLIC, body=RAW, max_bytes=100, answers=Answers(200, EchoSchema))
def take_webhook(call):
    """Take bytes as they are."""
    return Answer({"got": call.raw.hex()})


@api.post("/v1/nothing", who=PUBLIC, answers=Answers(204))
def take_nothing(call):
    """Take no body."""
    return Answer()


@pytest.fixture
def http(client):
    """Make a client of the forms."""
    return client(api)


@pytest.mark.parametrize("how", [{"json": {"name": "Jan"}}, {"data": {"name": "Jan"}}])
def test_json_and_forms_give_the_same(http, how) -> None:
    """A site may send what suits it."""
    assert http.post(CONTACT, **how).json == {"got": {"name": "Jan"}}


def test_multipart_gives_fields_and_files(http) -> None:
    """A file part is a file, with the name and type the sender gave."""
    answer = http.post(CONTACT, data={"name": "José", "photo": (BytesIO(b"bits"), "a.png", "image/png")})
    assert answer.json == {"got": {"name": "José", "photo": ["a.png", "image/png", "bits"]}}


def test_a_text_is_no_file_and_a_file_is_no_text(http) -> None:
    """What a field is, is the schema's to say, not the sender's."""
    file = (BytesIO(b"bits"), "a.txt", "text/plain")
    answer = http.post(CONTACT, data={"name": file, "photo": "bits", "words": file}, content_type=MULTIPART)
    assert set(answer.json["errors"]) == {"name", "photo", "words"}


def test_a_list_may_repeat_in_a_form_and_nothing_else(http, problem) -> None:
    """Two values for one field: taking either would be a guess."""
    assert http.post(CONTACT, data={"name": "Jan", "topics": ["a", "b"]}).json["got"]["topics"] == ["a", "b"]
    answer = http.post(CONTACT, data={"name": ["Jan", "Piet"]})
    assert problem(answer) == "invalid-input"
    assert answer.json["errors"] == {"name": ["Given more than once."]}


def test_an_empty_field_of_a_form_counts_as_absent(http) -> None:
    """A browser sends every field, also those the visitor left alone; in JSON an empty text is a text."""
    assert http.post(CONTACT, data={"name": "Jan", "email": "", "number": ""}).json == {"got": {"name": "Jan"}}
    answer = http.post(CONTACT, data={"name": ""})
    assert answer.json["errors"] == {"name": ["Missing data for required field."]}
    assert http.post(CONTACT, json={"name": "Jan", "email": ""}).status_code == 422


def test_an_unknown_field_is_named_and_its_value_never_repeated(http, problem) -> None:
    """The sender learns what is wrong, and nothing that was sent comes back."""
    for how in ({"json": {"name": "Jan", "bsn": "123456782"}}, {"data": {"name": "Jan", "bsn": "123456782"}}):
        answer = http.post(CONTACT, **how)
        assert problem(answer) == "invalid-input"
        assert answer.json["errors"] == {"bsn": ["Unknown field."]}
        assert "123456782" not in answer.text


@pytest.mark.parametrize(
    "body",
    [
        {"name": "x" * 51},
        {"name": 77_777},
        {"name": "Jan", "email": "geheim"},
        {"name": "Jan", "number": "geheim"},
        {"name": "Jan", "inner": {"part": 77_777}},
        {"name": "Jan", "topics": [77_777]},
    ],
)
def test_a_wrong_value_is_never_repeated(http, body) -> None:
    """An error that quotes what was typed ends up in somebody's log."""
    answer = http.post(CONTACT, json=body)
    assert answer.status_code == 422
    assert not [value for value in ("geheim", "77777", "xxxx") if value in answer.text]


def test_a_nested_error_is_named_by_its_path(http) -> None:
    """The errors are one flat map of field to messages."""
    answer = http.post(CONTACT, json={"name": "Jan", "inner": {"part": 1}, "topics": ["a", 1]})
    assert set(answer.json["errors"]) == {"inner.part", "topics.1"}


@pytest.mark.parametrize(
    ("content", "slug"),
    [
        (b"{", "malformed-body"),
        (b'{"name": "Jan"} x', "malformed-body"),
        (b'["Jan"]', "malformed-body"),
        (b'"Jan"', "malformed-body"),
        (b"", "malformed-body"),
        (b'{"name": "Jan", "name": "Piet"}', "malformed-body"),
        (b'{"name": "Jan", "inner": {"part": "a", "part": "b"}}', "malformed-body"),
        (b'{"name": "Jan", "number": NaN}', "malformed-body"),
        (b'{"name": "Jan", "number": -Infinity}', "malformed-body"),
        (b'{"name": "Jan", "number": 1e999}', "malformed-body"),
        (b'{"name": "Jan", "number": ' + b"9" * 5000 + b"}", "malformed-body"),
        (b'{"name": "Jan\xff"}', "malformed-body"),
        (b'\xef\xbb\xbf{"name": "Jan"}', "malformed-body"),
        (b'{"name": "\\ud800"}', "invalid-input"),
        (b'{"name": "Jan\\u0000"}', "invalid-input"),
        (b'{"name": "Jan", "inner": {"part": "\\u0000"}}', "invalid-input"),
        (b'{"name": "Jan", "words": {"\\u0000": "a"}}', "invalid-input"),
        (json.dumps({f"a{i}": 1 for i in range(201)}).encode(), "too-large"),
        (b'{"na\\u0000me": "Jan"}', "malformed-body"),
        (b'{"a":' * 33 + b"1" + b"}" * 33, "malformed-body"),
        (b'{"a":' * 9000 + b"1" + b"}" * 9000, "malformed-body"),
        (b'{"a":' + b"[" * 60_000, "malformed-body"),
    ],
)
def test_json_that_is_not_quite_json_is_refused(http, problem, content, slug) -> None:
    """Each of these is read differently by different parsers, breaks a database, or exhausts a stack."""
    answer = http.post(CONTACT, data=content, content_type="application/json")
    assert problem(answer) == slug


def test_json_may_be_nested_a_little(http) -> None:
    """The limit is on depth, not on structure."""
    deep = json.dumps({"name": "Jan", "inner": {"part": "x"}}).encode()
    assert http.post(CONTACT, data=deep, content_type="application/json").status_code == 200


@pytest.mark.parametrize(
    ("content", "slug"),
    [
        (b"name=Jan%FF", "malformed-body"),
        (b"name=Jan\xff", "malformed-body"),
        (b"name=Jan%00", "invalid-input"),
        (b"na%00me=Jan", "malformed-body"),
        (b"&".join(b"a%d=1" % i for i in range(201)), "too-large"),
    ],
)
def test_a_form_that_is_not_text_is_refused(http, problem, content, slug) -> None:
    """What the framework would repair silently is said to be wrong."""
    assert problem(http.post(CONTACT, data=content, content_type=FORM)) == slug


def multipart(*parts: bytes, end: bytes = b"--X--\r\n") -> dict:
    """Write a multipart body by hand."""
    return {"data": b"".join(b"--X\r\n" + part + b"\r\n" for part in parts) + end,
            "content_type": "multipart/form-data; boundary=X"}  # fmt: skip


DISPOSITION = b"Content-Disposition: form-data; "


@pytest.mark.parametrize(
    ("how", "slug"),
    [
        (multipart(DISPOSITION + b'name="name"\r\n\r\nJan\xff'), "malformed-body"),
        (multipart(DISPOSITION + b'name="name"\r\n\r\nJan\0'), "invalid-input"),
        (multipart(DISPOSITION + b'name="name"\r\n\r\nJan', end=b""), "malformed-body"),
        (multipart(b'X-Other: form-data; name="name"\r\n\r\nJan'), "malformed-body"),
        (multipart(DISPOSITION + b"\r\n\r\nJan"), "malformed-body"),
        (multipart(DISPOSITION + b'name="name"\r\nContent-Type: text/plain; charset=latin1\r\n\r\nJan'),
         "unsupported-media-type"),
        (multipart(DISPOSITION + b'name="name"; filename="a.txt"\r\n\r\nJan'), "invalid-input"),
        (multipart(DISPOSITION + b'name="other"; filename="a.txt"\r\n\r\nJan'), "invalid-input"),
        (multipart(*[DISPOSITION + b'name="a"\r\n\r\nb'] * 201), "too-large"),
        ({"data": b"name", "content_type": "multipart/form-data"}, "malformed-body"),
    ],
)  # fmt: skip
def test_a_multipart_body_that_is_broken_or_has_a_stray_file_is_refused(http, problem, how, slug) -> None:
    """Parts that are cut off, unnamed, of another charset, or files nobody asked for."""
    assert problem(http.post(CONTACT, **how)) == slug


@pytest.mark.parametrize(
    "headers",
    [
        {"Content-Type": "text/plain"},
        {"Content-Type": "application/xml"},
        {"Content-Type": ""},
        {"Content-Type": "application/json; charset=latin1"},
        {"Content-Type": "application/json", "Content-Encoding": "gzip"},
    ],
)
def test_another_media_type_charset_or_encoding_is_refused(http, problem, headers) -> None:
    """The wrong kind of body is 415, not a list of missing fields."""
    answer = http.post(CONTACT, data=b'{"name": "Jan"}', headers=headers)
    assert problem(answer) == "unsupported-media-type"


def test_a_route_takes_only_the_media_types_it_names(http, problem) -> None:
    """An API route does not take a browser's form, so that no page elsewhere can send one."""
    assert problem(http.post("/newsletter/v1/json", data={"name": "Jan"})) == "unsupported-media-type"
    answer = http.post("/newsletter/v1/json", data=b'{"name": "J"}', content_type="Application/JSON; charset=UTF-8")
    assert answer.status_code == 200


def test_a_body_larger_than_the_route_takes_is_refused(http, problem) -> None:
    """64 KiB unless the route says otherwise."""
    fits = b'{"name": "Jan", "topics": ["' + b"x" * (64 * 1024 - 31) + b'"]}'
    assert len(fits) == 64 * 1024
    assert http.post(CONTACT, data=fits, content_type=JSON).status_code == 200
    assert problem(http.post(CONTACT, data=fits + b" ", content_type=JSON)) == "too-large"
    assert http.post("/newsletter/v1/webhook", data=b"\0\xff").json == {"got": "00ff"}
    assert problem(http.post("/newsletter/v1/webhook", data=b"x" * 101)) == "too-large"


def test_a_route_without_a_body_takes_none(http, problem) -> None:
    """An empty one is fine, fields are unknown fields."""
    assert http.post("/newsletter/v1/nothing").status_code == 204
    assert http.post("/newsletter/v1/nothing", json={}).status_code == 204
    assert problem(http.post("/newsletter/v1/nothing", json={"a": 1})) == "invalid-input"


def test_an_absent_body_is_a_body_without_fields(http) -> None:
    """The caller learns which fields are missing."""
    assert http.post(CONTACT).json["errors"] == {"name": ["Missing data for required field."]}


@given(content=st.binary(max_size=300), media=st.sampled_from([JSON, FORM, "multipart/form-data; boundary=X"]))
def test_no_bytes_at_all_make_the_service_fail(content, media) -> None:
    """Whatever comes in, the reader answers with one of its own errors."""
    with suppress(InvalidInputError, MalformedBodyError, TooLargeError):
        read_pairs(content, *media_type(Headers({"Content-Type": media}), (JSON, FORM, MULTIPART)))
