"""Lists go on where they stopped, and nobody calls a limited route more often than it takes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa
from marshmallow import Schema, fields

from shared.errors import TooManyRequestsError
from shared.web import PUBLIC, Answer, Answers, Api, PageQuerySchema, list_of
from shared.web.app import build_app
from shared.web.rates import caller_key, count_call, parse_limit
from shared.web.tables import rate_counters


class NumberSchema(Schema):
    """A number in a list."""

    number = fields.Integer()


api = Api("numbers")
NUMBERS = list_of(NumberSchema)


def _list(call):
    start = call.after[1] + 1 if call.after else 0
    rows = [{"number": number} for number in range(start, 7)][: call.size + 1]
    return Answer(call.listing(rows, position=lambda row: ["n", row["number"]]))


@api.get("/v1/numbers", who=PUBLIC, query=PageQuerySchema, answers=Answers(200, NUMBERS))
def numbers(call):
    """List numbers."""
    return _list(call)


@api.get("/v1/others", who=PUBLIC, query=PageQuerySchema, answers=Answers(200, NUMBERS))
def others(call):
    """List others."""
    return _list(call)


@api.post("/v1/numbers", who=PUBLIC, limit="3/hour", answers=Answers(204))
def add(call):
    """Add a number."""
    return Answer()


def test_a_list_is_read_page_by_page(client) -> None:
    """Every item once, and no cursor after the last."""
    http, read, cursor = client(api), [], ""
    for size in (3, 3, 1):
        page = http.get(f"/newsletter/v1/numbers?limit=3&cursor={cursor}").json
        assert len(page["items"]) == size
        read += [item["number"] for item in page["items"]]
        cursor = page["next"]
    assert read == list(range(7))
    assert cursor is None


def test_a_full_last_page_has_no_next(client) -> None:
    """The row fetched beyond the page tells."""
    assert client(api).get("/newsletter/v1/numbers?limit=7").json["next"] is None


def test_a_cursor_cannot_be_made_up(client) -> None:
    """Changed, cut off, of another list, or nonsense."""
    http = client(api)
    cursor = http.get("/newsletter/v1/numbers?limit=2").json["next"]
    other = http.get("/newsletter/v1/others?limit=2").json["next"]
    changed = ("A" if cursor[0] != "A" else "B") + cursor[1:]
    assert http.get(f"/newsletter/v1/numbers?cursor={cursor}").status_code == 200
    for wrong in (changed, cursor[:-4], other, "nonsense", "é", "W10", "%00"):
        assert http.get(f"/newsletter/v1/numbers?cursor={wrong}").status_code == 422, wrong


@pytest.mark.parametrize("limit", ["0", "201", "-1", "x", "1.5"])
def test_a_page_has_one_to_two_hundred_items(client, limit) -> None:
    """Nobody fetches the whole clinic at once."""
    assert client(api).get(f"/newsletter/v1/numbers?limit={limit}").status_code == 422


def test_calls_over_the_limit_are_told_to_wait(client, problem) -> None:
    """By address, and across routes each has its own count."""
    http = client(api)
    for _ in range(3):
        assert http.post("/newsletter/v1/numbers").status_code == 204
    refused = http.post("/newsletter/v1/numbers")
    assert problem(refused) == "too-many-requests"
    assert 0 < int(refused.headers["Retry-After"]) <= 3600
    elsewhere = {"REMOTE_ADDR": "198.51.100.7"}
    assert http.post("/newsletter/v1/numbers", environ_base=elsewhere).status_code == 204


def test_counting_can_be_left_out_for_measuring(mount) -> None:
    """A benchmark calls more often than any visitor."""
    http = build_app([mount(api)], limits=None).test_client()
    assert {http.post("/newsletter/v1/numbers").status_code for _ in range(5)} == {204}


def test_a_new_window_starts_at_nothing(tools) -> None:
    """Ten in a minute is ten in each minute; what is left of the window is said."""
    start, caller = datetime(2026, 3, 1, 12, 0, 10, tzinfo=UTC), caller_key(b"k", "POST /x", "192.0.2.1")
    count_call(tools.database, "1/minute", caller, start)
    with pytest.raises(TooManyRequestsError) as refused:
        count_call(tools.database, "1/minute", caller, start + timedelta(seconds=20))
    assert refused.value.retry_after == 30
    count_call(tools.database, "1/minute", caller, start + timedelta(seconds=50))


def test_the_counters_name_no_address_and_cannot_be_linked(tools) -> None:
    """One visitor is another digest in each window."""
    caller = caller_key(b"k", "POST /x", "192.0.2.1")
    for minute in range(3):
        count_call(tools.database, "9/minute", caller, datetime(2026, 3, 1, 12, minute, tzinfo=UTC))
    with tools.database.reading() as session:
        rows = session.execute(sa.select(rate_counters)).all()
    assert len({row.key for row in rows}) == 3
    assert "192.0.2.1" not in str(rows)


def test_a_visitor_with_many_addresses_of_one_network_is_one_visitor() -> None:
    """Of IPv6 the /64 counts, of IPv4 the address."""
    assert caller_key(b"k", "x", "2001:db8:1:2::1") == caller_key(b"k", "x", "2001:db8:1:2:ffff::9")
    assert caller_key(b"k", "x", "2001:db8:1:2::1") != caller_key(b"k", "x", "2001:db8:1:3::1")
    assert caller_key(b"k", "x", "192.0.2.1") != caller_key(b"k", "x", "192.0.2.2")
    assert caller_key(b"k", "x", "192.0.2.1") != caller_key(b"k", "y", "192.0.2.1")


@pytest.mark.parametrize("limit", ["10", "10/fortnight", "x/minute"])
def test_a_limit_that_means_nothing_fails_at_import(limit) -> None:
    """Not at the first call."""
    with pytest.raises(ValueError, match=r"not a rate|invalid literal"):
        Api("wrong").post("/x", who=PUBLIC, answers=Answers(204), limit=limit)(lambda call: Answer())
    assert parse_limit("10/minute") == (10, 60)
