"""A real mail server on this machine, in the test's own process, with a certificate made for it."""

from __future__ import annotations

import ssl
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any, Self

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.servers.kept import free_port

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True)
class Received:
    """One mail as the server got it."""

    sender: str
    recipients: list[str]
    content: bytes
    secure: bool


@dataclass
class MailServer:
    """Takes mail on a free port of 127.0.0.1, which stays its own over stops and starts.

    ``replies`` are what it says to the next recipients instead of yes; ``drops`` how many of the next mails
    it keeps without saying so, closing the connection; ``smtp`` are settings of the server itself. ``reports``: it can
    be asked what to report (RFC 3461), and notes in ``asked`` what it was.
    """

    tls: ssl.SSLContext | None = None
    implicit: bool = False
    smtp: dict[str, Any] = field(default_factory=dict)
    replies: list[str] = field(default_factory=list)
    drops: int = 0
    reports: bool = False
    asked: list[str] = field(default_factory=list)
    received: list[Received] = field(default_factory=list)
    port: int = field(default_factory=free_port)
    _controller: Controller | None = None

    def __enter__(self) -> Self:
        """Start."""
        options = {"ssl_context": self.tls} if self.implicit else {"tls_context": self.tls}
        self._controller = _Controller(self, hostname="127.0.0.1", port=self.port, **options, **self.smtp)
        self._controller.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop; connections are refused from now on."""
        if self._controller is not None:
            self._controller.stop()

    async def handle_EHLO(  # noqa: N802
        self, _server: Any, session: Any, _envelope: Any, hostname: str, responses: list[str]
    ) -> list[str]:
        """Say what it knows."""
        session.host_name = hostname
        return [*responses[:-1], *(["250-DSN"] if self.reports else []), responses[-1]]

    async def handle_RCPT(self, _server: Any, _session: Any, envelope: Any, address: str, _options: Any) -> str:  # noqa: N802
        """Answer a recipient."""
        if self.replies:
            return self.replies.pop(0)
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802
        """Keep a mail."""
        secure = session.ssl is not None or self.implicit
        self.received.append(Received(envelope.mail_from, envelope.rcpt_tos, envelope.content, secure))
        if self.drops:
            self.drops -= 1
            server.transport.abort()
        return "250 OK"


class _Server(SMTP):
    """Takes what is asked about reports, which the library does not know."""

    async def smtp_MAIL(self, arg: str | None) -> None:  # noqa: N802
        """Note it, and go on without."""
        server: MailServer = self.event_handler
        words = (arg or "").split(" ")
        asked = [word for word in words if word.startswith("RET=")] if server.reports else []
        server.asked += asked
        await super().smtp_MAIL(" ".join(word for word in words if word not in asked))


class _Controller(Controller):
    def factory(self) -> SMTP:
        """Make the protocol of one connection."""
        return _Server(self.handler, **self.SMTP_kwargs)


@dataclass(frozen=True)
class Certificate:
    """A certificate for 127.0.0.1, for the server and for a client that trusts it."""

    path: Path

    def server(self) -> ssl.SSLContext:
        """Return the server's context."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.path)
        return context

    def client(self) -> ssl.SSLContext:
        """Return a context that trusts this certificate and no other."""
        return ssl.create_default_context(cafile=self.path)


def make_certificate(directory: Path) -> Certificate:
    """Write a key and a self-signed certificate into one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = directory / "mail-server.pem"
    path.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        + certificate.public_bytes(serialization.Encoding.PEM)
    )
    return Certificate(path)
