"""Where access tokens come from, at a real endpoint: asked for, kept and taken anew, and what can go wrong."""

from __future__ import annotations

import json
import logging
import traceback

import pytest

from shared.errors import ConfigurationError, OutsideError, PermanentError, RetryableError
from shared.mail.tokens import tokens_of
from tests.servers.tokens import SECRET, TokenServer

REFRESHING = "vernieuw-1"


def first(tokens) -> str:
    """Return the token that is tried first."""
    return next(tokens.to_try())


def error(code: str, description: str = "") -> bytes:
    """Write what an endpoint says that gives no token."""
    return json.dumps({"error": code, "error_description": description}).encode()


def test_a_token_is_asked_for_once_as_long_as_it_holds_and_anew_before_it_ends() -> None:
    """Or where nobody says how long it holds; and once more for whoever was refused with it, however many they are."""
    with TokenServer() as server:
        tokens = tokens_of(**server.settings())
        assert tokens_of(**server.settings()) is tokens  # of each connection of this process
        held = first(tokens)
        assert (first(tokens), len(server.asked)) == (held, 1)
        credentials = {"client_id": "app-1", "client_secret": SECRET, "scope": "mail/.default"}
        assert server.asked == [{"grant_type": "client_credentials"} | credentials]
        one, other = tokens.to_try(), tokens.to_try()
        assert next(one) == next(other) == held
        tokens.forget(held)
        newer = next(one)
        tokens.forget(held)
        assert next(other) == newer != held
        assert len(server.asked) == 2
        tokens.forget(newer)
        for ends in ({"expires_in": 60}, {"expires_in": "60"}, {"expires_in": True}, {}):
            server.more = ends
            assert len({first(tokens), first(tokens)}) == 2


def test_a_refresh_token_takes_the_place_of_the_client_s_own_rights_and_is_replaced_by_a_newer_one() -> None:
    """What comes with a token is used the next time (RFC 6749 section 6); a client may have no secret then."""
    with TokenServer(more={"refresh_token": "vernieuw-2"}) as server:
        tokens = tokens_of(**server.settings(refresh_token=REFRESHING, client_secret="", scope=""))
        for _ in range(2):
            first(tokens)
    assert server.asked == [
        {"grant_type": "refresh_token", "refresh_token": each, "client_id": "app-1"}
        for each in (REFRESHING, "vernieuw-2")
    ]


@pytest.mark.parametrize(
    ("status", "body", "kind", "said"),
    [
        (
            401,
            error("invalid_client", f"AADSTS7000215: Invalid client secret {SECRET}"),
            PermanentError,
            "refused us: ",
        ),
        (400, error(f"{SECRET} is no client"), PermanentError, "refused us: 400."),
        (404, b"<html>", PermanentError, "refused us: 404."),
        (400, error("temporarily_unavailable"), RetryableError, "for now: temporarily_unavailable."),
        (503, b"", RetryableError, "The token endpoint answered 503."),
        (307, b"", PermanentError, "The token endpoint answered 307: redirects are not followed."),
        (200, b"<html>sign in to this network", RetryableError, "without a token"),
        (200, b'{"access_token": "a\\u0001b", "token_type": "Bearer"}', RetryableError, "without a token"),
        (200, b'{"access_token": "ab", "token_type": "mac"}', PermanentError, "another kind"),
    ],
)
def test_why_there_is_no_token_is_said_by_its_code_and_in_no_words_of_the_endpoint(
    caplog, status, body, kind, said
) -> None:
    """What may go better is told apart from what somebody has to put right. The next one who asks may get a token."""
    with TokenServer(refusals=[(status, body)]) as server, caplog.at_level(logging.DEBUG):
        tokens = tokens_of(**server.settings(refresh_token=REFRESHING))
        with pytest.raises(OutsideError) as caught:
            first(tokens)
        token = first(tokens)
    assert isinstance(caught.value, kind)
    assert said in caught.value.detail
    assert ("invalid_client, AADSTS7000215." in caught.value.detail) == (status == 401)
    everything = "".join(traceback.format_exception(caught.value)) + caplog.text + repr(tokens)
    assert not [secret for secret in (SECRET, REFRESHING, token) if secret in everything]


def test_an_endpoint_that_is_not_there_is_tried_again() -> None:
    """As soon as it is back there are tokens."""
    server = TokenServer()
    tokens = tokens_of(**server.settings())
    with pytest.raises(RetryableError, match="connection to the token endpoint failed"):
        first(tokens)
    with server:
        assert first(tokens)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"token_url": ""}, "both token_url and client_id"),
        ({"client_id": ""}, "both token_url and client_id"),
        ({"client_secret": ""}, "client_secret, refresh_token or both"),
        ({"token_url": "http://login.example/token"}, "https"),
        ({"token_url": "https://me:geheim@login.example/token"}, "https"),
        ({"token_url": "https://[login"}, "https"),
    ],
)
def test_settings_that_give_no_token_are_named(changed, said) -> None:
    """A secret is said to nobody without TLS, but on this machine."""
    with pytest.raises(ConfigurationError, match=said):
        tokens_of(**TokenServer().settings(**changed))


def test_whoever_says_nothing_of_tokens_signs_in_without() -> None:
    """By a password, or not at all."""
    assert tokens_of() is None
