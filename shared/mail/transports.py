"""How a composed mail leaves: over SMTP with TLS, or into a Maildir; every failure is one of two errors."""

from __future__ import annotations

import os
import smtplib
import ssl
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, NoReturn, Protocol, Self
from urllib.parse import unquote, urlsplit

from shared.errors import ConfigurationError, PermanentError, RetryableError
from shared.processors.http import is_loopback

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager
    from pathlib import Path

    from shared.mail.composing import ComposedMail

    Deliver = Callable[[ComposedMail], None]

SECONDS = 30
PORTS = {"smtp": 587, "smtps": 465}
OUR_OWN_FAULT = frozenset({530, 534, 535, 538})
"""Replies about how we sign in: no mail is to blame for them, so none is set aside."""


class UnknownOutcomeError(RetryableError):
    """The mail was handed over, and the connection broke before the server said whether it has it."""


class Transport(Protocol):
    """A way out for mails."""

    def connected(self) -> AbstractContextManager[Deliver]:
        """Open it for some mails. Raises RetryableError when it cannot be opened.

        What it gives delivers one mail, and raises RetryableError, UnknownOutcomeError when the mail may have gone
        all the same, or PermanentError when it will never be taken. All name a reply code at most, never an address.
        """
        ...


@dataclass(frozen=True, slots=True)
class MaildirTransport:
    """A folder of files. A mail's file goes by its id, so that delivering it twice leaves one."""

    directory: Path

    @contextmanager
    def connected(self) -> Iterator[Deliver]:
        """Make the folder if need be."""
        try:
            self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            for name in ("tmp", "new", "cur"):
                (self.directory / name).mkdir(mode=0o700, exist_ok=True)
        except OSError as error:
            raise RetryableError(f"The mail folder cannot be made: {error.strerror}.") from None
        yield self._deliver

    def _deliver(self, mail: ComposedMail) -> None:
        name = f"{int(mail.at.timestamp())}.{mail.id}.discreet"
        try:
            if any((self.directory / "cur").glob(f"{name}*")):
                return
            path = self.directory / "tmp" / name
            with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
                file.write(mail.content)
                file.flush()
                os.fsync(file.fileno())
            path.replace(self.directory / "new" / name)
        except OSError as error:
            raise RetryableError(f"The mail folder cannot be written: {error.strerror}.") from None


@dataclass(frozen=True, slots=True, kw_only=True)
class SmtpTransport:
    """A mail server. TLS is required, by STARTTLS or from the first octet, and never given up (P54).

    ``plain`` allows a server on this machine without TLS, in a trial.
    """

    host: str
    port: int
    implicit_tls: bool
    plain: bool
    username: str = ""
    password: str = field(default="", repr=False)
    context: ssl.SSLContext = field(default_factory=ssl.create_default_context, repr=False)

    @classmethod
    def from_url(cls, url: str, *, trial: bool, context: ssl.SSLContext | None = None) -> Self:
        """Read ``smtp://`` (STARTTLS) or ``smtps://``, with ``user:password@`` if need be.

        Raises ConfigurationError; its message does not repeat the URL, which may hold a password.
        """
        try:
            parts = urlsplit(url)
            port = parts.port or PORTS[parts.scheme]
        except (ValueError, KeyError):
            parts, port = urlsplit(""), 0
        if not parts.hostname or parts.path not in ("", "/") or parts.query:
            raise ConfigurationError("DISCREET_SMTP_URL must look like smtp://user:password@host:587 or smtps://host.")
        return cls(
            host=parts.hostname,
            port=port,
            implicit_tls=parts.scheme == "smtps",
            plain=trial and is_loopback(parts.hostname),
            username=unquote(parts.username or ""),
            password=unquote(parts.password or ""),
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
        if self.username:
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
