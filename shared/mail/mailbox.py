"""The mailbox that mails of ours go to, over IMAP: what is there of them by their Message-IDs, and removing that.

What the mail host does                                    what the caller sees
---------------------------------------------------------  --------------------------------------
no connection, no TLS, a time-out, cut off                 RetryableError
it goes on and on over its folders                         RetryableError
no to what it was asked, or to whoever signs in for now    RetryableError
an account, a password or a token it does not take         PermanentError
no token to be had                                         as ``shared.mail.tokens`` says
reading only, in a folder that holds what must go          PermanentError

Names of folders and the words of the host are in none of them: either may name a person.
"""

from __future__ import annotations

import re
import ssl
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, Literal, Self

from imapclient import IMAPClient, SocketTimeout
from imapclient.exceptions import IMAPClientAbortError, IMAPClientError, IMAPClientReadOnlyError, LoginError

from shared.errors import ConfigurationError, PermanentError, RetryableError
from shared.mail.bearer import Door, sign_in
from shared.mail.mailbox_folders import Folders
from shared.mail.tokens import tokens_of
from shared.processors.http import is_loopback
from shared.processors.settings import settings_from

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from shared.mail.bearer import Answers
    from shared.mail.tokens import Tokens
    from shared.propagation.register import Processor

Tls = Literal["implicit", "starttls", "none"]
FOR_NOW = frozenset({"UNAVAILABLE", "INUSE", "LIMIT", "SERVERBUG"})
"""Why a host turns away whom it knows (RFC 5530 section 3); every other no is about the account or its password."""
CODE = re.compile(r"\[([A-Z]{3,30})\]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Mailbox:
    """One account at a mail host, as the register has it: with a password, or with what tokens are asked with.

    ``tls`` is from the first octet, by STARTTLS, or none, which only a host on this machine may have. ``authority`` is
    PEM: who issued the host's certificate, where no public authority did. ``session_seconds`` is how long all folders
    together may take: whoever waits for them counts as hanging at ten minutes, and its process ends.
    """

    host: str
    account: str
    password: str = field(default="", repr=False)
    token_url: str = ""
    client_id: str = ""
    client_secret: str = field(default="", repr=False)
    refresh_token: str = field(default="", repr=False)
    scope: str = ""
    port: int = 993
    tls: Tls = "implicit"
    authority: str = field(default="", repr=False)
    connect_seconds: float = 10.0
    read_seconds: float = 60.0
    session_seconds: float = 120.0

    @classmethod
    def of(cls, processor: Processor) -> Self:
        """Read what the register says of a processor. Raises ConfigurationError."""
        return cls.from_settings(processor.settings)

    @classmethod
    def from_settings(cls, given: Mapping[str, Any]) -> Self:
        """Read settings that the register has. Raises ConfigurationError."""
        mailbox = settings_from(cls, given)
        if mailbox.tls not in ("implicit", "starttls", "none"):
            raise ConfigurationError("The setting tls must be one of: implicit, starttls, none.")
        if mailbox.tls == "none" and not is_loopback(mailbox.host):
            raise ConfigurationError("A mailbox on another machine is reached over TLS (P54).")
        mailbox.context()
        if bool(mailbox.password) == (mailbox.tokens is not None):
            raise ConfigurationError("A mailbox needs either password or token_url and client_id, and not both.")
        return mailbox

    @property
    def tokens(self) -> Tokens | None:
        """Where tokens come from, if it is opened by one. Raises ConfigurationError."""
        return tokens_of(
            token_url=self.token_url,
            client_id=self.client_id,
            client_secret=self.client_secret,
            refresh_token=self.refresh_token,
            scope=self.scope,
        )

    def context(self) -> ssl.SSLContext:
        """Return whom we believe to be the host. Raises ConfigurationError."""
        try:
            return ssl.create_default_context(cadata=self.authority or None)
        except ssl.SSLError as error:
            raise ConfigurationError("The setting authority holds no certificate in PEM.") from error

    @contextmanager
    def opened(self) -> Iterator[Folders]:
        """Sign in, and give the folders. Raises RetryableError and PermanentError, also for what is done with them."""
        with _translated():
            client = IMAPClient(
                self.host,
                self.port,
                ssl=self.tls == "implicit",
                ssl_context=self.context(),
                timeout=SocketTimeout(self.connect_seconds, self.read_seconds),
            )
            with client:
                self._sign_in(client)
                yield Folders(client, until=time.monotonic() + self.session_seconds)

    def _sign_in(self, client: IMAPClient) -> None:
        """Say the password or show a token, over TLS only."""
        if self.tls == "starttls":
            if not client.has_capability("STARTTLS"):
                raise RetryableError("The mail host offers no TLS.")
            client.starttls(self.context())
        if (tokens := self.tokens) is not None:
            door = Door("mail host", self.host, self.port, self.account)
            sign_in(tokens, door, lambda known: client.has_capability(f"AUTH={known}"), partial(_show, client))
        else:
            self._say_password(client)

    def _say_password(self, client: IMAPClient) -> None:
        """Say it in the way that knows letters beyond ASCII, where there is one."""
        try:
            if client.has_capability("AUTH=PLAIN"):
                client.plain_login(self.account, self.password)
            else:
                client.login(self.account, self.password)
        except LoginError as error:
            code = _refusal(error)
            said = f" ({code})" if code else ""
            raise PermanentError(f"The mail host does not take the account or its password{said}.") from None
        except UnicodeEncodeError:
            raise PermanentError("The mail host takes no account or password with such letters.") from None


def _show(client: IMAPClient, mechanism: str, answers: Answers) -> str | None:
    """Show a token, and return the code of a refusal."""
    try:
        client.sasl_login(mechanism, answers)
    except LoginError as error:
        return _refusal(error)
    return None


def _refusal(error: LoginError) -> str:
    """Return the code of a refused sign-in, if it has one; the library's own error repeats the host's words.

    Raises RetryableError where the host refuses nothing, or only for now.
    """
    if isinstance(error.__context__, IMAPClientAbortError):
        raise RetryableError("The connection to the mail host broke off.") from None
    code = found[1] if (found := CODE.search(str(error))) else ""
    if code in FOR_NOW:
        raise RetryableError(f"The mail host does not let us in for now ({code}).") from None
    return code


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except ssl.SSLError:
        raise RetryableError("No secure connection to the mail host.") from None
    except IMAPClientReadOnlyError:
        raise PermanentError("The mail host lets us only read a folder that holds what must go.") from None
    except (OSError, IMAPClientAbortError):
        raise RetryableError("No connection to the mail host, or it broke off.") from None
    except (IMAPClientError, ValueError, LookupError, TypeError, AttributeError):
        # A no, or an answer that nobody can read: the library trips over one of another shape than it knows.
        raise RetryableError("The mail host did not do what it was asked.") from None
