"""A call that is repeated has one effect; an edit is of the version the caller has seen."""

from __future__ import annotations

import threading
from dataclasses import replace

import pytest
import sqlalchemy as sa
from marshmallow import Schema, fields

from shared.database import Base, Database
from shared.errors import ConflictError
from shared.web import JSON, PUBLIC, Answer, Answers, Api, Redirect, Staff
from shared.web.app import build_app
from shared.web.tables import idempotent_answers


class OrderSchema(Schema):
    """What is asked."""

    name = fields.String(required=True)


class ReferenceSchema(Schema):
    """A reference and nothing else."""

    reference = fields.String()


effects = sa.Table(
    "test_effects", sa.MetaData(), sa.Column("id", sa.Integer, primary_key=True), sa.Column("name", sa.Text)
)
api = Api("orders")
PATH = "/newsletter/v1/orders"


@api.post(
    "/v1/orders",
    who=PUBLIC | Staff("physician"),
    body=OrderSchema,
    media=(JSON,),
    idempotent=True,
    answers=Answers(201, ReferenceSchema),
)
def order(call):
    """Order something."""
    with call.transaction() as session:
        made = session.execute(sa.insert(effects).values(name=call.body["name"]).returning(effects.c.id)).scalar_one()
        if call.body["name"] == "refused":
            raise ConflictError("Not now.")
        place = f"{PATH}/{made}"
        return call.keep(Answer({"reference": f"o{made}", "name": call.body["name"]}, location=place, etag="1"))


@api.post("/v1/orders/<order_id>/<step>", who=PUBLIC, idempotent=True, answers=Answers(201, ReferenceSchema))
def take_step(call):
    """Take a step in an order."""
    with call.transaction():
        return call.keep(Redirect(f"/{call.path['order_id']}"))


@api.post("/v1/forgetful", who=PUBLIC, idempotent=True, answers=Answers(201, ReferenceSchema))
def forgetful(call):
    """Forget to keep the answer."""
    with call.transaction() as session:
        session.execute(sa.insert(effects).values(name="forgotten"))
    return Answer({"reference": "x"})


@api.put("/v1/orders/<order_id>", who=PUBLIC, body=OrderSchema, answers=Answers(204))
def edit(call):
    """Edit version 3."""
    call.require_match("3")
    return Answer()


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request, tmp_path):
    """Make an empty database of each kind."""
    url = f"sqlite:///{tmp_path}/x.sqlite3" if request.param == "sqlite" else request.getfixturevalue("postgres_url")()
    database = Database(url)
    Base.metadata.create_all(database.engine())
    effects.metadata.create_all(database.engine())
    yield database
    database.close()


@pytest.fixture
def app(mount, tools, database):
    """Make an app over that database."""
    return build_app([replace(mount(api), tools=replace(tools, database=database))])


@pytest.fixture
def post(app):
    """Return what posts an order with a key."""

    def send(name, key=None, headers=()):
        headers = {"Idempotency-Key": key, **dict(headers)} if key else dict(headers)
        return app.test_client().post(PATH, json={"name": name}, headers=headers)

    return send


def count(database) -> int:
    """Count the effects."""
    with database.reading() as session:
        return session.scalar(sa.select(sa.func.count()).select_from(effects))


def test_without_a_key_every_call_counts(post, database) -> None:
    """A caller who wants twice gets twice."""
    assert post("a").json != post("a").json
    assert count(database) == 2


def test_the_second_call_with_a_key_gets_the_first_answer(post, database) -> None:
    """Body, status, place and version: as if it were the first time."""
    first, second = post("a", "k1"), post("a", "k1")
    assert first.status_code == second.status_code == 201
    assert first.json == second.json == {"reference": "o1"}
    assert first.headers["Location"] == second.headers["Location"] == f"{PATH}/1"
    assert first.headers["ETag"] == second.headers["ETag"] == '"1"'
    assert count(database) == 1


def test_a_key_with_another_body_path_caller_or_route_is_not_a_repetition(post, bearer, database) -> None:
    """Another body is a mistake of the caller; another caller's key is another key."""
    assert post("a", "k1").status_code == 201
    wrong = post("b", "k1")
    assert wrong.status_code == 422
    assert wrong.json["errors"] == {"Idempotency-Key": ["Was used with another request."]}
    assert post("b", "k1", bearer("physician:anna")).json == {"reference": "o2"}
    assert post("b", "k1", bearer("physician:bea")).json == {"reference": "o3"}
    assert count(database) == 3


def test_the_path_is_part_of_the_request(app) -> None:
    """A key that was used for one order says nothing of another; a redirect is kept like any answer."""
    http = app.test_client()
    key = {"Idempotency-Key": "k1"}
    for _ in range(2):
        assert http.post(f"{PATH}/1/pay", headers=key).headers["Location"] == "/1"
    assert http.post(f"{PATH}/2/pay", headers=key).status_code == 422


def test_a_failure_is_not_kept(post, database) -> None:
    """The transaction takes the key back with the effect: the caller may try again."""
    assert post("refused", "k1").status_code == 409
    assert post("a", "k1").status_code == 201
    assert count(database) == 1


def test_two_at_once_have_one_effect(post, database) -> None:
    """The second waits for the first and answers the same."""
    answers = []
    threads = [threading.Thread(target=lambda: answers.append(post("a", "k1"))) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [answer.json for answer in answers] == [{"reference": "o1"}] * 6
    assert count(database) == 1


def test_the_store_holds_no_key_and_nothing_to_guess_the_body_from(post, database) -> None:
    """Digests only: the request's is keyed with the key, which is not there; the answer holds what was declared."""
    post("jan@example.nl", "k1")
    with database.reading() as session:
        row = session.execute(sa.select(idempotent_answers)).one()
    assert row.answer["body"] == {"reference": "o1"}
    assert "jan@example.nl" not in str(row)
    assert "k1" not in (row.key_digest, row.request_digest)
    post("jan@example.nl", "k2")
    with database.reading() as session:
        assert len(set(session.scalars(sa.select(idempotent_answers.c.request_digest)))) == 2


@pytest.mark.parametrize("key", ["", "x" * 201, "a\tb", "sleutel-é"])
def test_a_key_that_is_none_is_refused(app, key) -> None:
    """Something short and printable."""
    headers = {"Idempotency-Key": key.encode().decode("latin-1")}
    assert app.test_client().post(PATH, json={"name": "a"}, headers=headers).status_code == 422


def test_a_route_that_forgets_to_keep_its_answer_fails_at_the_first_call(app, database) -> None:
    """It fails in any test of the route, not when a client repeats itself; and nothing was done."""
    assert app.test_client().post("/newsletter/v1/forgetful").status_code == 500
    assert count(database) == 0


@pytest.mark.parametrize(
    ("header", "status"),
    [(None, 428), ("", 428), ('"3"', 204), ('"2", "3"', 204), ("*", 204), ('"2"', 412), ('W/"3"', 412), ("3", 412)],
)
def test_an_edit_names_the_version_it_is_of(client, header, status) -> None:
    """Nobody overwrites what a colleague just wrote (RFC 9110 section 13.1.1, RFC 6585)."""
    headers = {"If-Match": header} if header is not None else {}
    assert client(api).put(f"{PATH}/1", json={"name": "a"}, headers=headers).status_code == status
