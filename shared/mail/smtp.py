"""The way out over SMTP: with TLS or not at all, and signed in by a password or a token where there is an account."""

from __future__ import annotations

import smtplib
import ssl
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, NoReturn, Self
from urllib.parse import unquote, urlsplit

from shared.errors import ConfigurationError, PermanentError, RetryableError
from shared.mail.bearer import Door, sign_in
from shared.mail.transports import UnknownOutcomeError
from shared.processors.http import is_loopback

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shared.mail.bearer import Answers
    from shared.mail.composing import ComposedMail
    from shared.mail.tokens import Tokens
    from shared.mail.transports import Deliver

SECONDS = 30
PORTS = {"smtp": 587, "smtps": 465}
OUR_OWN_FAULT = frozenset({530, 534, 535, 538})
"""Replies about how we sign in: no mail is to blame for them, so none is set aside."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SmtpTransport:
    """A mail server. TLS is required, by STARTTLS or from the first octet, and never given up (P54).

    ``plain`` allows a server on this machine without TLS, in a trial. Whoever signs in has a password or ``tokens``.
    """

    host: str
    port: int
    implicit_tls: bool
    plain: bool
    username: str = ""
    password: str = field(default="", repr=False)
    tokens: Tokens | None = None
    context: ssl.SSLContext = field(default_factory=ssl.create_default_context, repr=False)

    @classmethod
    def from_url(
        cls, url: str, *, trial: bool, tokens: Tokens | None = None, context: ssl.SSLContext | None = None
    ) -> Self:
        """Read ``smtp://`` (STARTTLS) or ``smtps://``, with ``user:password@``, or ``user@`` and tokens, if need be.

        Raises ConfigurationError; its message does not repeat the URL, which may hold a password.
        """
        try:
            parts = urlsplit(url)
            port = parts.port or PORTS[parts.scheme]
        except (ValueError, KeyError):
            parts, port = urlsplit(""), 0
        if not parts.hostname or parts.path not in ("", "/") or parts.query:
            raise ConfigurationError("DISCREET_SMTP_URL must look like smtp://user:password@host:587 or smtps://host.")
        if tokens is not None and (parts.password or not parts.username):
            raise ConfigurationError("With tokens, DISCREET_SMTP_URL names an account and no password: user@host.")
        if tokens is None and bool(parts.username) != bool(parts.password):
            raise ConfigurationError("DISCREET_SMTP_URL lacks the password, and DISCREET_SMTP_TOKEN_URL is not set.")
        return cls(
            host=parts.hostname,
            port=port,
            implicit_tls=parts.scheme == "smtps",
            plain=trial and is_loopback(parts.hostname),
            username=unquote(parts.username or ""),
            password=unquote(parts.password or ""),
            tokens=tokens,
            context=context or ssl.create_default_context(),
        )

    @contextmanager
    def connected(self) -> Iterator[Deliver]:
        """Connect, secure the connection and sign in."""
        smtp = self._open()
        try:
            yield partial(_deliver, smtp)
        finally:
            with suppress(OSError, smtplib.SMTPException):
                smtp.quit()

    def _open(self) -> smtplib.SMTP:
        with _translated():
            smtp = self._connect()
        try:
            with _translated():
                self._prepare(smtp)
        except RetryableError:
            smtp.close()
            raise
        return smtp

    def _connect(self) -> smtplib.SMTP:
        if self.implicit_tls:
            return smtplib.SMTP_SSL(self.host, self.port, timeout=SECONDS, context=self.context)
        return smtplib.SMTP(self.host, self.port, timeout=SECONDS)

    def _prepare(self, smtp: smtplib.SMTP) -> None:
        smtp.ehlo()
        if not self.implicit_tls and smtp.has_extn("starttls"):
            smtp.starttls(context=self.context)
        elif not (self.implicit_tls or self.plain):
            raise RetryableError("The mail server offers no TLS.")
        if self.tokens is not None:
            smtp.ehlo_or_helo_if_needed()  # what it offered before TLS is forgotten
            known = smtp.esmtp_features.get("auth", "").upper().split()
            door = Door("mail server", self.host, self.port, self.username)
            sign_in(self.tokens, door, known.__contains__, partial(_show, smtp))
        elif self.username:
            smtp.login(self.username, self.password)


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except ssl.SSLError:
        raise RetryableError("No secure connection to the mail server.") from None
    except (OSError, smtplib.SMTPException) as error:
        code = f" ({error.smtp_code})" if isinstance(error, smtplib.SMTPResponseException) else ""
        raise RetryableError(f"No connection to the mail server{code}.") from None
    except PermanentError as error:  # about how we sign in, for which no mail is to blame
        raise RetryableError(error.detail) from None
    except ValueError:
        raise RetryableError("The mail server takes no account or password with such letters.") from None


def _show(smtp: smtplib.SMTP, mechanism: str, answers: Answers) -> str | None:
    """Show a token, and return the code of a refusal. It comes after the server's first answer: too long for AUTH.

    A line with a command has 512 octets (RFC 4954 section 4).
    """
    try:
        smtp.auth(mechanism, answers, initial_response_ok=False)
    except smtplib.SMTPAuthenticationError as error:
        if error.smtp_code < 500:
            raise RetryableError(f"The mail server does not let us in for now ({error.smtp_code}).") from None
        return str(error.smtp_code)
    return None


def _deliver(smtp: smtplib.SMTP, mail: ComposedMail) -> None:
    try:
        smtp.sendmail(mail.sender, [mail.to], mail.content, _options(smtp, mail))
    except smtplib.SMTPRecipientsRefused as error:
        _judge(next(iter(error.recipients.values()))[0])
    except smtplib.SMTPResponseException as error:
        _judge(error.smtp_code)
    except smtplib.SMTPNotSupportedError:
        raise PermanentError("The mail server takes no address like this (SMTPUTF8).") from None
    except (OSError, smtplib.SMTPException):
        raise UnknownOutcomeError("The connection to the mail server broke off.") from None


def _options(smtp: smtplib.SMTP, mail: ComposedMail) -> list[str]:
    """Return what the server is asked beside the mail: should it come back, without what it says (RFC 3461)."""
    smtp.ehlo_or_helo_if_needed()  # what it can do is forgotten when TLS begins
    options = ["SMTPUTF8"] if mail.international else []
    return [*options, "RET=HDRS"] if smtp.has_extn("dsn") else options


def _judge(code: int) -> NoReturn:
    """Raise the error for a reply; the library's own would repeat the address."""
    if 500 <= code < 600 and code not in OUR_OWN_FAULT:
        raise PermanentError(f"The mail server refused it for good: {code}.") from None
    raise RetryableError(f"The mail server refused it for now: {code}.") from None
