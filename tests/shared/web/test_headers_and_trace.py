"""What every answer carries, and what the access log holds of a call."""

from __future__ import annotations

import io
import json
import logging
from dataclasses import replace

import pytest

from shared.log import JsonLines
from shared.web import HTML, PUBLIC, Answer, Answers, Api, Page, Staff
from shared.web.app import build_app

BROWSER = {"Accept": "text/html"}
api = Api("things")


@api.get("/v1/things/<thing_id>", who=PUBLIC, answers=Answers(204))
def show(call):
    """Show a thing."""
    return Answer()


@api.get("/page", who=PUBLIC, answers=Answers(200, media=HTML))
def page(call):
    """Show a page whose form ends at the clinic's site."""
    return Page("web/page.html", form_to=("https://clinic.example",))


@api.post("/unsubscribe/<token>", who=PUBLIC, answers=Answers(200, media=HTML), never_redirect=True)
def unsubscribe(call):
    """Unsubscribe with one click (RFC 8058)."""
    return Page("web/page.html")


@api.get("/v1/staff", who=Staff("physician"), answers=Answers(204))
def staff(call):
    """Answer staff."""
    return Answer()


@api.get("/v1/limited", who=PUBLIC, answers=Answers(204), limit="1/day")
def limited(call):
    """Answer once a day."""
    return Answer()


@pytest.mark.parametrize(
    ("method", "path", "headers"),
    [
        ("GET", "/newsletter/v1/things/1", {}),
        ("GET", "/newsletter/page", BROWSER),
        ("GET", "/nothing", {}),
        ("GET", "/nothing", BROWSER),
        ("DELETE", "/newsletter/page", {}),
        ("OPTIONS", "/newsletter/page", {}),
        ("GET", "/healthz", {"X-Forwarded-Proto": "http"}),
    ],
)
def test_every_answer_is_hardened(client, method, path, headers) -> None:
    """Also errors, redirects and answers that Flask gives by itself."""
    answer = client(api).open(path, method=method, headers=headers)
    policy = answer.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Referrer-Policy"] == "no-referrer"
    assert answer.headers["Cache-Control"] == "no-store"
    assert "Set-Cookie" not in answer.headers


def test_p86_a_page_may_load_our_own_style_and_send_its_form_where_the_view_says(client) -> None:
    """No scripts at all, and no other host but for the end of a form."""
    policy = client(api).get("/newsletter/page").headers["Content-Security-Policy"]
    assert "style-src 'self'" in policy
    assert "form-action 'self' https://clinic.example" in policy
    assert "script-src" not in policy


def test_p90_plain_http_is_sent_to_https(mount, settings) -> None:
    """The edge says how the visitor came; the address is the clinic's own, whatever Host says."""
    real = mount(api)
    live = replace(real.tools, settings=replace(settings, mode="live", public_url="https://clinic.example"))
    http = build_app([replace(real, tools=live)]).test_client()
    came = {"X-Forwarded-Proto": "http", "Host": "evil.example"}
    answer = http.post("/newsletter/v1/things/1?a=b", headers=came)
    assert (answer.status_code, answer.headers["Location"]) == (
        308,
        "https://clinic.example/newsletter/v1/things/1?a=b",
    )
    assert "Strict-Transport-Security" not in answer.headers
    secure = http.get("/newsletter/v1/things/1", headers={"X-Forwarded-Proto": "https"})
    assert secure.status_code == 204
    assert "max-age=31536000" in secure.headers["Strict-Transport-Security"]


def test_p82_a_cookie_that_is_not_on_the_register_is_not_set(mount, log) -> None:
    """Whatever part of the program, or a library in it, tries to set it; that it tried is in the log."""
    app = build_app([replace(mount(api), cookies=["known"])])

    @app.after_request
    def set_two(response):
        response.set_cookie("known", "1")
        response.set_cookie("_ga", "1")
        return response

    answer = app.test_client().get("/newsletter/v1/things/1")
    assert [cookie.partition("=")[0] for cookie in answer.headers.getlist("Set-Cookie")] == ["known"]
    assert any("not on the register" in line["message"] for line in log())


def test_a_one_click_unsubscribe_is_never_redirected(client) -> None:
    """Mail services follow no redirect, and the person stays subscribed (RFC 8058 section 3.1)."""
    answer = client(api).post("/newsletter/unsubscribe/t", headers={"X-Forwarded-Proto": "http"})
    assert answer.status_code == 200


def test_who_calls_is_believed_from_an_edge_only(mount, settings) -> None:
    """Without an edge a caller could give himself a new address for each call."""
    real = mount(api)
    direct = build_app([real], limits=real.tools.clock).test_client()
    edged = replace(real.tools, settings=replace(settings, public_url="https://clinic.example"))
    behind = build_app([replace(real, tools=edged)], limits=real.tools.clock).test_client()
    for http, statuses in ((direct, [204, 429]), (behind, [204, 204])):
        calls = [http.get("/newsletter/v1/limited", headers={"X-Forwarded-For": f"192.0.2.{n}"}) for n in (1, 2)]
        assert [call.status_code for call in calls] == statuses


@pytest.fixture
def log():
    """Collect the log lines as they are written."""
    written = io.StringIO()
    handler = logging.StreamHandler(written)
    handler.setFormatter(JsonLines())
    root = logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel("INFO")
    yield lambda: [json.loads(line) for line in written.getvalue().splitlines()]
    root.removeHandler(handler)
    root.setLevel(level)


def test_p4_the_access_log_holds_the_template_and_no_value(client, log) -> None:
    """Neither the path's values nor the query, the address or the method's own words."""
    http = client(api)
    http.get("/newsletter/v1/things/jan@example.nl?q=jan", headers={"User-Agent": "jan"})
    http.get("/jan")
    http.open("/newsletter/page", method="JAN")
    lines = log()
    assert [(line["method"], line["route"], line["status"]) for line in lines] == [
        ("GET", "/newsletter/v1/things/<thing_id>", 422),
        ("GET", "none", 404),
        ("other", "none", 405),
    ]
    assert all(line["milliseconds"] >= 0 for line in lines)
    assert "jan" not in json.dumps(lines).lower()


def test_a_call_of_somebody_we_know_keeps_its_trace(client, bearer, log) -> None:
    """A W3C trace context goes on; anything else is replaced."""
    mine = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    anna = bearer("physician:anna")
    answer = client(api).get("/newsletter/v1/staff", headers=anna | {"traceparent": mine})
    assert answer.headers["X-Request-Id"] == "4bf92f3577b34da6a3ce929d0e0e4736"
    client(api).get("/newsletter/v1/staff", headers=anna | {"traceparent": "jan@example.nl"})
    first, second = log()
    assert first["traceparent"] == mine
    assert second["traceparent"].startswith("00-")
    assert second["traceparent"] != mine


def test_p4_a_stranger_s_trace_is_not_kept(client, bearer, log) -> None:
    """Its digits would stand in logs and events: there is room for a telephone number, or for a name."""
    theirs = {"traceparent": f"00-{b'anna@example.nl.'.hex()}-0000000612345678-01"}
    calls = (
        ("things/1", {}),
        ("things/1", bearer("physician:anna")),
        ("staff", bearer("nobody")),
        ("staff", bearer("fg:anna")),
    )
    for path, token in calls:
        client(api).get(f"/newsletter/v1/{path}", headers=token | theirs)
    assert len(log()) == len(calls)
    assert b"anna@example.nl.".hex() not in json.dumps(log())
