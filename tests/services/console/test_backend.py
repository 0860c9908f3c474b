"""How the console speaks to the services: in whose name, and what becomes of the answers."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest

from services.console.backend import MOST_AT_ONCE, Backend, Caller
from services.console.service import Console
from shared import errors
from shared.auth import verify_token
from shared.clock import system_clock
from tests.services.console.fake_requests import CASE, DECISION, RefusalError, decision


@pytest.fixture
def caller(console: Console) -> Caller:
    """Return the privacy coordinator, who reads English."""
    account = console.accounts.find("privacy-coordinator")
    assert account
    return Caller(account, "en")


@pytest.fixture
def backend(console: Console) -> Backend:
    """Return what asks the stand-in."""
    return console.backend


def test_each_call_is_in_the_name_of_who_is_signed_in(fake, backend, caller):
    """With the account's roles, signed by the console's key for staff tokens, for the one service that is asked."""
    backend.decision(caller, DECISION)
    (principal,) = fake.callers
    assert (principal.subject, principal.roles) == ("privacy-coordinator", {"privacy-coordinator"})
    assert principal.issuer == "console"
    assert fake.languages == ["en"]


def test_a_token_is_fresh_and_for_one_service(console, fake, caller):
    """It says the time of the call, and another service does not take it."""
    past = Backend(console.settings, console.keys.staff_tokens, lambda: system_clock() - timedelta(minutes=30))
    with pytest.raises(errors.UnavailableError):
        past.decision(caller, DECISION)
    tokens = []
    fake._admit = lambda environ, *_: tokens.append(environ["HTTP_AUTHORIZATION"].removeprefix("Bearer "))
    console.backend.decision(caller, DECISION)
    with pytest.raises(errors.UnauthenticatedError):
        verify_token(tokens[0], audience="dossier", roster=fake.roster, now=system_clock())


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (403, errors.ForbiddenError),
        (404, errors.NotFoundError),
        (409, errors.ConflictError),
        (410, errors.GoneError),
        (412, errors.ConflictError),
        (422, errors.InvalidInputError),
        (428, errors.ConflictError),
        (429, errors.TooManyRequestsError),
        (401, errors.UnavailableError),
        (500, errors.UnavailableError),
        (503, errors.UnavailableError),
    ],
)
def test_a_refusal_becomes_the_error_it_stands_for(fake, backend, caller, status, error):
    """What only a fault of ours explains is not blamed on the person."""
    fake.refusal = RefusalError(status, "Because.", {"ground": ["Choose one."]} if status == 422 else None)
    with pytest.raises(error) as caught:
        backend.act(caller, CASE, "decision", {}, '"3"')
    if error in {errors.ForbiddenError, errors.NotFoundError, errors.InvalidInputError}:
        assert caught.value.detail == "Because."
    if status == 422:
        assert caught.value.fields == {"ground": ["Choose one."]}


def test_an_act_names_the_version_that_was_seen(fake, backend, caller):
    """The service refuses to change what somebody changed meanwhile."""
    backend.act(caller, CASE, "withdrawal", {}, '"3"')
    assert fake.versions == ['"3"']


def test_a_service_that_is_down_is_named(service, backend, caller):
    """And the error keeps nothing of the call: it held a token."""
    service.stop()
    with pytest.raises(errors.UnavailableError) as caught:
        backend.decision(caller, DECISION)
    assert caught.value.part == "requests"
    assert caught.value.__cause__ is None


@pytest.mark.parametrize("content", [b"", b"<html>", b"{}", b'{"id": 5}'])
def test_an_answer_of_another_shape_is_no_answer(fake, backend, caller, content):
    """A page is not filled with half of it."""
    fake.proof = content
    fake.decisions = [decision()]
    fake._answer = lambda _environ: content
    with pytest.raises(errors.UnavailableError):
        backend.decision(caller, DECISION)


def test_fields_that_these_pages_do_not_know_are_left_alone(fake, backend, caller):
    """A newer service does not break an older console."""
    fake.decisions = [decision(new_field=1)]
    assert backend.decision(caller, DECISION).kind == "erasure"


def test_pages_leave_threads_free_for_the_answers_they_wait_for(fake, backend, caller):
    """Embedded, pages and services share eight threads: one more call than this is refused at once, not queued."""
    release, inside = threading.Event(), threading.Semaphore(0)

    def wait(_environ):
        inside.release()
        release.wait(10)
        return b"proof"

    fake._answer = wait
    waiting = [threading.Thread(target=backend.proof, args=(caller, DECISION)) for _ in range(MOST_AT_ONCE)]
    for thread in waiting:
        thread.start()
    for _ in waiting:
        assert inside.acquire(timeout=10)
    with pytest.raises(errors.UnavailableError) as caught:
        backend.proof(caller, DECISION)
    assert caught.value.part == "console"
    release.set()
    for thread in waiting:
        thread.join()
    assert backend.proof(caller, DECISION) == b"proof"


def test_no_proxy_is_asked_for_the_way(console, caller, monkeypatch):
    """A clinic's proxy for the web is no place for tokens of staff."""
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    assert console.backend.decision(caller, DECISION).id == DECISION
