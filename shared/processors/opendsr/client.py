"""The calls to a processor, and what each answer's status means; bodies are judged elsewhere, signature first.

POST /requests            2xx taken; 400 and 409 may mean that it has the request, so it is looked up
GET /requests/{id}        2xx known; 400, 404 and 410 unknown: processors differ
DELETE /requests/{id}     2xx cancelled; 400, 404 and 409 too late
429 and 5xx               RetryableError, with Retry-After where it was given
the other 4xx             PermanentError: our key, our address or our request is wrong
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

from requests.auth import AuthBase

from shared.errors import PermanentError
from shared.processors.http import MIB, ProcessorSession
from shared.processors.opendsr.wire import read_discovery

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from requests import PreparedRequest

    from shared.processors.http import ProcessorAnswer
    from shared.processors.opendsr.settings import OpenDsrSettings

LARGEST = MIB // 4
PERHAPS_THERE = frozenset({400, 409})
UNKNOWN = frozenset({400, 404, 410})
TOO_LATE = frozenset({400, 404, 409})


class _Bearer(AuthBase):
    def __init__(self, token: str) -> None:
        self._token = token

    def __call__(self, request: PreparedRequest) -> PreparedRequest:
        request.headers["Authorization"] = f"Bearer {self._token}"
        return request


@dataclass(frozen=True, slots=True)
class OpenDsrClient:
    """Calls one processor. Every method raises RetryableError or PermanentError besides what it says."""

    session: ProcessorSession
    requests_path: tuple[str, ...]

    @classmethod
    def of(cls, settings: OpenDsrSettings) -> Self:
        """Return the client of a processor."""
        session = ProcessorSession(
            base_url=settings.base_url,
            auth=_auth(settings),
            connect_seconds=settings.connect_seconds,
            read_seconds=settings.read_seconds,
            largest=LARGEST,
        )
        return cls(session, tuple(part for part in settings.requests_path.split("/") if part))

    def discover(self) -> tuple[str, str]:
        """Return what the processor announces (JSON) and its certificates (PEM), both as they came.

        The certificates are asked for on the processor's own hosts only.
        """
        announced = _taken(self.session.send("GET", "discovery"))
        discovery = read_discovery(announced.body)
        certificates = _taken(self.session.send_to(discovery.certificate_url, "GET"))
        return announced.body.decode("utf-8", "replace"), certificates.body.decode("ascii", "replace")

    def submit(self, content: Mapping[str, Any]) -> ProcessorAnswer:
        """Post a request and return a 2xx, or a 400 or 409, with which the processor may say that it has it.

        The body of a 201 repeats the person's identities: it is read once and kept nowhere.
        """
        answer = self.session.send("POST", *self.requests_path, content=content)
        return answer if answer.status in PERHAPS_THERE else _taken(answer)

    def status(self, request_id: str) -> ProcessorAnswer | None:
        """Ask how far a request is; None where the processor does not know it."""
        return _unless(UNKNOWN, self.session.send("GET", *self.requests_path, request_id))

    def cancel(self, request_id: str) -> ProcessorAnswer | None:
        """Take a request back, which a processor may do only while it is pending; None where it is too late."""
        return _unless(TOO_LATE, self.session.send("DELETE", *self.requests_path, request_id))


def _auth(settings: OpenDsrSettings) -> AuthBase | tuple[str, str] | None:
    """OpenDSR leaves open how a controller is known: some want Bearer, some Basic, some nothing."""
    if settings.token:
        return _Bearer(settings.token)
    return (settings.username, settings.password) if settings.username else None


def _unless(statuses: Collection[int], answer: ProcessorAnswer) -> ProcessorAnswer | None:
    return None if answer.status in statuses else _taken(answer)


def _taken(answer: ProcessorAnswer) -> ProcessorAnswer:
    if answer.ok:
        return answer
    if answer.status in (401, 403):
        raise PermanentError(f"The processor refuses our key ({answer.status}).")
    raise PermanentError(f"The processor refuses the call ({answer.status}).")
