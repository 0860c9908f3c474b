"""What a service asks of another over HTTP: content behind a reference (the claim check), and what it knows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import requests

from shared.auth import issue_token
from shared.errors import GoneError, NotFoundError, PermanentError, RetryableError
from shared.processors.interface import SubjectIdentifiers

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from shared.clock import Clock
    from shared.keys import ServiceKeys
    from shared.settings import Settings

TIMEOUT = (5, 10)  # seconds to connect, to read


class Claims:
    """Asks the other services in the name of one, with a short-lived token signed by its own key."""

    def __init__(self, settings: Settings, service: str, keys: ServiceKeys, clock: Clock) -> None:
        self._settings = settings
        self._service = service
        self._keys = keys
        self._clock = clock

    def fetch(self, service: str, claim: str) -> dict[str, Any]:
        """Return the content behind a reference.

        Raises GoneError when it was erased or its matter closed, NotFoundError when it never was,
        RetryableError when the service does not answer.
        """
        return self.ask(service, f"claims/{quote(claim, safe='')}")

    def ask(self, service: str, path: str, params: Mapping[str, str] | None = None) -> dict[str, Any]:
        """Return what a service answers at ``path`` of its API. Raises as ``fetch`` does."""
        try:
            answer = self._get(service, path, params)
            if answer.status_code == requests.codes.gone:
                raise GoneError("what the reference stood for is gone")
            if answer.status_code == requests.codes.not_found:
                raise NotFoundError("the reference is unknown")
            if answer.status_code != requests.codes.ok:
                raise RetryableError(f"the {service} service answered {answer.status_code}")
            content: dict[str, Any] = answer.json()
        except requests.RequestException as error:
            raise RetryableError(f"the {service} service does not answer") from error
        return content

    def ask_pages(self, service: str, path: str, params: Mapping[str, str]) -> Iterator[dict[str, Any]]:
        """Yield every item of a list, page after page. Raises as ``fetch`` does."""
        cursor: str | None = ""
        while cursor is not None:
            page = self.ask(service, path, {**params, **({"cursor": cursor} if cursor else {})})
            yield from page["items"]
            cursor = page["next"]

    def identifiers(self, decision: str) -> SubjectIdentifiers:
        """Return what the identity check proved of the person a decision is about.

        Only the requests service checks identities. Raises PermanentError when the matter is closed.
        """
        try:
            content = self.fetch("requests", decision)
        except (GoneError, NotFoundError) as error:
            raise PermanentError("the person of this decision can no longer be asked for") from error
        return SubjectIdentifiers(email=content.get("email"), phone=content.get("phone"), name=content.get("name"))

    def _get(self, service: str, path: str, params: Mapping[str, str] | None) -> requests.Response:
        url = f"{self._settings.service_url(service)}/{service}/v1/{path}"
        with requests.Session() as session:
            session.trust_env = False  # no proxy gets to see whom it is about, and no .netrc speaks for us
            return session.get(
                url, params=params, headers=self._headers(service), timeout=TIMEOUT, allow_redirects=False
            )

    def _headers(self, audience: str) -> dict[str, str]:
        key = self._keys.claims
        token = issue_token(
            key.private_key,
            key.key_id,
            subject=self._service,
            roles=["service"],
            audience=audience,
            now=self._clock(),
        )
        return {"Authorization": f"Bearer {token}", "Accept": "application/json"}
