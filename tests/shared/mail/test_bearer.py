"""Signing in by a token: to a mailbox at a real Dovecot, and to a mail server."""

from __future__ import annotations

import json
import logging
from contextlib import ExitStack
from types import SimpleNamespace
from typing import Any

import pytest
from aiosmtpd.smtp import AuthResult

from services.mail_server import mail_server
from shared.errors import ConfigurationError, PermanentError, RetryableError
from shared.mail.mailbox import Mailbox
from shared.mail.mailer import transport_of
from shared.mail.smtp import SmtpTransport
from shared.mail.tokens import tokens_of
from shared.settings import Settings
from tests.servers.dovecot import Dovecot
from tests.servers.mail import MailServer
from tests.servers.tokens import SECRET, TokenServer

ACCOUNT = "post=balie,1@clinic.example"


class TokenMailServer(MailServer):
    """A mail server that takes mail only of whoever shows a token, by the mechanisms it is left with.

    It notes of each token whether it was shown as it should be, and of each refusal whether that was ended so.
    """

    tokens: TokenServer
    shown: list[bool]
    ended: list[bool]
    replies_to_tokens: list[str]

    async def auth_XOAUTH2(self, server: Any, _args: list[str]) -> AuthResult:  # noqa: N802
        """As Microsoft and Google have it."""
        begins, ends = f"user={ACCOUNT}\x01auth=Bearer ".encode(), b"\x01\x01"
        return await self._judge(server, begins, ends, b"")

    async def auth_OAUTHBEARER(self, server: Any, _args: list[str]) -> AuthResult:  # noqa: N802
        """RFC 7628 section 3.1, with a name as RFC 5801 has it."""
        place = f"n,a=post=3Dbalie=2C1@clinic.example,\x01host=127.0.0.1\x01port={self.port}\x01auth=Bearer "
        return await self._judge(server, place.encode(), b"\x01\x01", b"\x01")

    async def _judge(self, server: Any, begins: bytes, ends: bytes, over: bytes) -> AuthResult:
        said = await server.challenge_auth("")
        self.shown.append(said.startswith(begins) and said.endswith(ends))
        if self.replies_to_tokens:
            return AuthResult(success=False, handled=False, message=self.replies_to_tokens.pop(0))
        if said[len(begins) : -len(ends)].decode() in self.tokens.good:
            return AuthResult(success=True)
        self.ended.append(await server.challenge_auth(json.dumps({"status": "400", "schemes": "bearer"})) == over)
        return AuthResult(success=False, handled=False)


@pytest.fixture
def token_server():
    """Give an authorization server."""
    with TokenServer() as server:
        yield server


@pytest.fixture(scope="module", params=["xoauth2 oauthbearer", "oauthbearer"])
def token_host(request):
    """Give a mail host that knows tokens, by both mechanisms and by the standard's alone."""
    with TokenServer() as server, Dovecot(introspection=server.introspection, mechanisms=request.param) as host:
        yield server, host


def mailbox_settings(host: Dovecot, server: TokenServer, **changed: Any) -> dict[str, Any]:
    """Return the settings of a mailbox that is opened by a token, and let the endpoint give tokens for it."""
    owner = host.owner()
    server.account = owner.account
    settings = host.settings(owner) | server.settings(client_id=owner.account) | changed
    return {name: each for name, each in settings.items() if name != "password"}


def transport(server: TokenMailServer, certificate, tokens: TokenServer) -> SmtpTransport:
    """Return a way out by tokens."""
    url = f"smtp://post%3Dbalie%2C1%40clinic.example@127.0.0.1:{server.port}"
    return SmtpTransport.from_url(
        url, trial=False, context=certificate.client(), tokens=tokens_of(**tokens.settings(client_id=str(server.port)))
    )


@pytest.fixture
def mail_servers(certificate, token_server):
    """Make mail servers that know the tokens of one authorization server."""
    with ExitStack() as stack:

        def make(*without: str) -> TokenMailServer:
            taken = {"auth_required": True, "auth_exclude_mechanism": ["LOGIN", "PLAIN", *without]}
            server = TokenMailServer(tls=certificate.server(), smtp=taken)
            server.tokens, server.shown, server.ended, server.replies_to_tokens = token_server, [], [], []
            return stack.enter_context(server)

        yield make


def test_a_mailbox_opens_by_a_token_and_by_a_new_one_where_the_host_does_not_take_the_first_any_more(
    token_host, caplog
) -> None:
    """Once more and not for ever; the token and what it was asked with are in no log and no error."""
    server, host = token_host
    mailbox = Mailbox.from_settings(mailbox_settings(host, server))
    before = len(server.asked)
    with caplog.at_level(logging.DEBUG):
        for _ in range(2):
            with mailbox.opened() as folders:
                assert not folders.look(["5e4d6a30-1f51-4a47-8f8e-6a4b6f1f5d11"]).copies
        assert len(server.asked) == before + 1
        server.good.clear()  # it ended earlier than was said, or what it may do was changed
        with mailbox.opened():
            pass
        assert len(server.asked) == before + 2
        server.good.clear()
        server.account = "somebody-else"
        with pytest.raises(
            PermanentError, match=r"does not take the token or its account .*AUTHENTICATIONFAILED, "
        ) as no:
            mailbox.opened().__enter__()
        assert len(server.asked) == before + 3
    seen = caplog.text + str(no.value) + repr(mailbox)
    assert not [each for each in (SECRET, f"token-{server.port}") if each in seen]


def test_a_mailbox_is_as_far_away_as_its_token_endpoint(token_host, dovecot) -> None:
    """Wrong is told apart from not now; and a host that knows no tokens is said to be so, without being shown one."""
    server, host = token_host
    settings = mailbox_settings(host, server)
    with pytest.raises(RetryableError, match="connection to the token endpoint failed"):
        Mailbox.from_settings(settings | {"token_url": "http://127.0.0.1:1/token"}).opened().__enter__()
    server.refusals.append((400, b'{"error": "invalid_grant"}'))
    with pytest.raises(PermanentError, match=r"The token endpoint refused us: invalid_grant\."):
        Mailbox.from_settings(settings).opened().__enter__()
    before = len(server.asked)
    with pytest.raises(PermanentError, match="lets nobody in by a token"):
        Mailbox.from_settings(mailbox_settings(dovecot, server)).opened().__enter__()
    assert len(server.asked) == before


@pytest.mark.parametrize(
    "settings",
    [{}, {"password": "geheim", **TokenServer().settings()}, {"scope": "mail/.default"}, {"refresh_token": "vernieuw"}],
)
def test_a_mailbox_has_a_password_or_tokens_and_not_both(settings) -> None:
    """Nobody should have to know which one wins."""
    with pytest.raises(ConfigurationError, match="token_url and client_id"):
        Mailbox.of(SimpleNamespace(settings={"host": "127.0.0.1", "account": "formulieren"} | settings))


@pytest.mark.parametrize("without", [(), ("XOAUTH2",)])
def test_p52_mail_waits_while_no_token_is_to_be_had_or_taken_and_goes_when_there_is_one(
    office, certificate, token_server, mail_servers, without, caplog
) -> None:
    """No mail is to blame, so none is set aside; and what lay waiting goes once. Both mechanisms, after TLS only."""
    server = mail_servers(*without)
    office.use(transport(server, certificate, token_server), "live")
    office.queue()

    def tried() -> Any:
        office.clock.forward(minutes=10)
        office.send_all()
        return office.row()["state"], office.row()["problem"]

    with caplog.at_level(logging.DEBUG, logger="shared"):
        token_server.__exit__()
        assert tried() == ("waiting", "The connection to the token endpoint failed.")
        token_server.__enter__()
        token_server.refusals.append((401, b'{"error": "invalid_client"}'))
        assert tried() == ("waiting", "The token endpoint refused us: invalid_client.")
        assert server.shown == []
        server.replies_to_tokens = ["454 4.7.0 Temporary authentication failure"]
        assert tried() == ("waiting", "The mail server does not let us in for now (454).")
        token_server.good.clear()
        server.replies_to_tokens = ["535 5.7.3 Authentication unsuccessful"]
        assert tried() == ("waiting", "The mail server does not take the token or its account (535).")
        assert tried() == ("sent", None)
        token_server.good.clear()  # it ends while mails go out: the next one goes with another
        office.queue()
        office.queue()
        office.send_all()
    assert [mail.recipients for mail in server.received] == [["anna@people.example"]] * 3
    assert [row["state"] for row in office.rows()] == ["sent"] * 3
    assert (server.shown, server.ended) == ([True] * 5, [True])
    assert "token-" not in caplog.text


def test_the_doctor_says_what_keeps_mail_from_going(
    tmp_path, token_server, mail_servers, monkeypatch, certificate
) -> None:
    """By trying it, with nothing sent."""
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate.path))
    server = mail_servers()
    secret = tmp_path / "client-secret"
    secret.write_text(SECRET + "\n")
    environ = {
        "DISCREET_MODE": "live",
        "DISCREET_SMTP_URL": f"smtp://post%3Dbalie%2C1%40clinic.example@127.0.0.1:{server.port}",
        "DISCREET_SMTP_TOKEN_URL": token_server.settings()["token_url"],
        "DISCREET_SMTP_CLIENT_ID": "app-1",
        "DISCREET_SMTP_SCOPE": "mail/.default",
        "DISCREET_SMTP_CLIENT_SECRET_FILE": str(secret),
    }

    def said(**changed: str) -> list[tuple[bool, str]]:
        return [(each.well, each.text) for each in mail_server(Settings.from_environ(environ | changed))]

    assert said() == [(True, "The mail server lets us in.")]
    assert token_server.asked[0]["client_secret"] == SECRET
    token_server.good.clear()
    server.replies_to_tokens = ["535 5.7.3 no"] * 2
    assert said() == [(False, "No mail can be sent: The mail server does not take the token or its account (535).")]
    token_server.refusals.append((400, b'{"error": "unauthorized_client"}'))
    assert said() == [(False, "No mail can be sent: The token endpoint refused us: unauthorized_client.")]
    assert server.received == []
    for changed, part in (
        (
            {"DISCREET_SMTP_CLIENT_ID": ""},
            "DISCREET_SMTP_...: Signing in with a token needs both token_url and client_id.",
        ),
        ({"DISCREET_SMTP_URL": "smtp://me:geheim@127.0.0.1"}, "names an account and no password"),
        ({"DISCREET_SMTP_URL": "smtp://127.0.0.1"}, "names an account and no password"),
        ({"DISCREET_SMTP_TOKEN_URL": "", "DISCREET_SMTP_CLIENT_ID": ""}, "needs both"),
    ):
        [(well, text)] = said(**changed)
        assert (well, part in text) == (False, True), text


def test_half_of_what_signing_in_to_a_mail_server_needs_stops_the_start(tmp_path) -> None:
    """A password that is missing, or tokens for a server that nobody named."""
    plain = {"DISCREET_MODE": "live", "DISCREET_HOME": str(tmp_path)}
    tokens = {f"DISCREET_SMTP_{name.upper()}": each for name, each in TokenServer().settings().items()}
    for environ, said in (
        ({"DISCREET_SMTP_URL": "smtp://me@127.0.0.1"}, "lacks the password"),
        (tokens, "DISCREET_SMTP_URL is not"),
    ):
        with pytest.raises(ConfigurationError, match=said):
            transport_of(Settings.from_environ(plain | environ))
