"""Calls to an outside party: only its own hosts, bounded in time and size, and every failure one of two errors.

What the outside does                          what the adapter sees
---------------------------------------------  -------------------------------------------------
no connection, TLS refused, time-out, cut off  RetryableError
408, 425, 429, 5xx                             RetryableError, with Retry-After where it was given
3xx                                            PermanentError: a redirect is never followed
more bytes than allowed                        PermanentError
a host that is not the party's                 PermanentError, before anything is sent
2xx and the other 4xx                          a ProcessorAnswer to judge

What could be too large to hold is read while it comes in, by a reader that keeps what is needed of it.
"""

from __future__ import annotations

import ipaddress
import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias
from urllib.parse import quote, urlsplit

import requests
import urllib3

from shared.errors import OutsideError, PermanentError, RetryableError

if TYPE_CHECKING:
    from pathlib import Path

    from requests.auth import AuthBase

FormFields: TypeAlias = Sequence[tuple[str, str]]
Reader: TypeAlias = Callable[[Iterator[bytes]], Any]

MIB = 1024 * 1024
LATER = frozenset({408, 425, 429})
LONGEST_RETRY_AFTER = 24 * 60 * 60
# What may go wrong below us; requests leaves some of urllib3's errors untranslated while a body is read.
FAILURES = (requests.RequestException, urllib3.exceptions.HTTPError, OSError, ValueError)


class _OversizedError(ValueError):
    """The body passed its bound; never leaves this module."""


# The first row that fits decides; the words are ours, since a library's message repeats the address it called. {} is
# who was called.
TRANSLATIONS: tuple[tuple[tuple[type[Exception], ...], type[OutsideError], str], ...] = (
    ((_OversizedError,), PermanentError, "The answer of the {} is larger than allowed."),
    (
        (requests.exceptions.ConnectTimeout, urllib3.exceptions.ConnectTimeoutError),
        RetryableError,
        "The {} did not accept a connection in time.",
    ),
    (
        (requests.exceptions.Timeout, urllib3.exceptions.TimeoutError, TimeoutError),
        RetryableError,
        "The {} did not answer in time.",
    ),
    (
        (requests.exceptions.SSLError, urllib3.exceptions.SSLError),
        RetryableError,
        "No secure connection to the {}.",
    ),
    (
        (
            requests.exceptions.InvalidURL,
            requests.exceptions.InvalidSchema,
            requests.exceptions.MissingSchema,
            requests.exceptions.InvalidHeader,
            urllib3.exceptions.LocationParseError,
        ),
        PermanentError,
        "The address or the headers of a call to the {} are not valid.",
    ),
    (
        (requests.RequestException, urllib3.exceptions.HTTPError, OSError),
        RetryableError,
        "The connection to the {} failed.",
    ),
)


@dataclass(frozen=True, kw_only=True)
class ProcessorAnswer:
    """What came back: header names are in lower case, and the body is within the session's bound.

    ``read`` is what a reader made of the body of a 2xx; then the body itself is not kept.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)
    read: Any = field(default=None, repr=False)

    @property
    def ok(self) -> bool:
        """Whether the status is 2xx."""
        return 200 <= self.status < 300

    def json(self) -> Any:
        """Return the decoded body. Raises RetryableError when it is not JSON: a page of somebody in between."""
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError):
            failure = RetryableError(f"The processor answered {self.status} without JSON.")
        raise failure

    def object(self) -> dict[str, Any]:
        """Return the decoded JSON object, or an empty one where the body is anything else."""
        try:
            content = json.loads(self.body)
        except (ValueError, RecursionError):
            return {}
        return content if isinstance(content, dict) else {}


@dataclass(frozen=True, kw_only=True)
class ProcessorSession:
    """How one registered party is called; holds no connection and no cookie, so threads may share it.

    `hosts` is the allow-list; without one it is the host of `base_url`. Times are in seconds;
    `whole_seconds` bounds an answer that trickles in. `largest` is the largest body in bytes. `wait_header` is
    where this party says for how many seconds a call that it refused has to wait. `party` is what errors call it.
    `verify` is what requests takes: the public certificate authorities, or a file of one's own.
    """

    base_url: str
    hosts: frozenset[str] = frozenset()
    auth: tuple[str, str] | AuthBase | None = field(default=None, repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    idempotency_header: str | None = None
    wait_header: str = "retry-after"
    connect_seconds: float = 5.0
    read_seconds: float = 20.0
    whole_seconds: float = 25.0
    largest: int = 8 * MIB
    verify: bool | Path = True
    party: str = "processor"

    def send(
        self,
        method: str,
        *segments: str,
        params: Mapping[str, str] | None = None,
        form: FormFields | None = None,
        content: Any = None,
        idempotency_key: str | None = None,
        reader: Reader | None = None,
    ) -> ProcessorAnswer:
        """Call `base_url` with path `segments`, each quoted whole; the body is `form` fields or JSON `content`.

        A `reader` gets the body of a 2xx piece by piece, as it comes in. What it raises of its own is an OutsideError.

        Raises RetryableError or PermanentError; neither says what was sent or to which path.
        """
        if any(segment in ("", ".", "..") for segment in segments):
            raise PermanentError("A path segment of a processor call is empty.")
        path = "/".join(quote(segment, safe="") for segment in segments)
        url = f"{self.base_url.rstrip('/')}/{path}" if path else self.base_url
        return self.send_to(
            url, method, params=params, form=form, content=content, idempotency_key=idempotency_key, reader=reader
        )

    def send_to(
        self,
        url: str,
        method: str,
        *,
        params: Mapping[str, str] | None = None,
        form: FormFields | None = None,
        content: Any = None,
        idempotency_key: str | None = None,
        reader: Reader | None = None,
    ) -> ProcessorAnswer:
        """Call a whole address, say one the party itself named; it must be on one of the party's hosts."""
        self._check(url)
        headers = dict(self.headers)
        if self.idempotency_header and idempotency_key:
            headers[self.idempotency_header] = idempotency_key
        request = requests.Request(method, url, params=params, data=form, json=content, headers=headers, auth=self.auth)
        try:
            answer = self._exchange(request, reader)
        except FAILURES as error:
            failure = translated(error, self.party)
        else:
            return _judged(answer, self.wait_header, self.party)
        # Raised here and not above: a chained error of a library would carry the address that was called.
        raise failure

    def _check(self, url: str) -> None:
        try:
            parts = urlsplit(url)
            host, scheme, known = parts.hostname or "", parts.scheme, parts.username is None
        except ValueError:
            host, scheme, known = "", "", False
        allowed = self.hosts or frozenset({urlsplit(self.base_url).hostname or ""})
        if not known or not host or host not in allowed:
            raise PermanentError(f"The address is not on a host of the registered {self.party}.")
        if scheme != "https" and not (scheme == "http" and is_loopback(host)):
            raise PermanentError(f"A {self.party} is called over HTTPS only.")

    def _exchange(self, request: requests.Request, reader: Reader | None) -> ProcessorAnswer:
        deadline = time.monotonic() + self.whole_seconds
        with requests.Session() as session:
            session.trust_env = False  # no proxy, no .netrc: the register alone says who is called and how
            session.headers["User-Agent"] = "Discreet"
            response = session.send(
                session.prepare_request(request),
                timeout=(self.connect_seconds, self.read_seconds),
                allow_redirects=False,
                stream=True,
                verify=str(self.verify) if not isinstance(self.verify, bool) else self.verify,
            )
            with response:
                parts = self._parts(response, deadline)
                read = reader(parts) if reader and 200 <= response.status_code < 300 else None
                body = b"".join(parts)  # of what a reader read, nothing is left
        headers = {name.lower(): value for name, value in response.headers.items()}
        return ProcessorAnswer(status=response.status_code, headers=headers, body=body, read=read)

    def _parts(self, response: requests.Response, deadline: float) -> Iterator[bytes]:
        so_far = 0
        while part := response.raw.read1(64 * 1024, decode_content=True):
            so_far += len(part)
            if so_far > self.largest:
                raise _OversizedError
            if time.monotonic() > deadline:
                raise requests.exceptions.ReadTimeout
            yield part


def is_loopback(host: str) -> bool:
    """Whether a host of a URL is this machine, without asking a name server."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def translated(error: Exception, party: str = "processor") -> OutsideError:
    """Return our error for one of a library; it repeats nothing of that error's message."""
    for foreign, ours, detail in TRANSLATIONS:
        if isinstance(error, foreign):
            return ours(detail.format(party))
    return PermanentError(f"A call to the {party} could not be written.")


def _judged(answer: ProcessorAnswer, wait_header: str, party: str) -> ProcessorAnswer:
    if answer.status in LATER or answer.status >= 500:
        wait = _retry_after(answer.headers.get(wait_header))
        raise RetryableError(f"The {party} answered {answer.status}.", retry_after=wait)
    if 300 <= answer.status < 400:
        raise PermanentError(f"The {party} answered {answer.status}: redirects are not followed.")
    return answer


def _retry_after(text: str | None) -> int | None:
    """Return the seconds of a Retry-After header (RFC 9110 section 10.2.3); its date form is not worth reading."""
    if text is None or not (text.isascii() and text.isdigit()):
        return None
    return min(int(text[:9]), LONGEST_RETRY_AFTER)
