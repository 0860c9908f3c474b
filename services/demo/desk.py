"""What the people of the story have: a browser, a token, a mailbox, and the sandbox's strings."""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING, Any

import requests

from shared.auth import issue_token
from shared.errors import DiscreetError
from shared.keys import KeyStore
from shared.mail import MailFolder
from shared.settings import SERVICES

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from shared.settings import Settings

PATIENCE = 30.0  # seconds for anything the system does by itself
LOOK_EVERY = 0.05
TIMEOUT = 20


class StoryError(DiscreetError):
    """The system did not do what it should."""


class Desk:
    """Everything is done over HTTP and mail, as by a visitor, by staff and by processors."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._origin = settings.public_url
        self._sandbox = f"http://127.0.0.1:{settings.port + 1}/sandbox/v1"
        self._mails = MailFolder(settings.home / "mail")

    def visit(self, method: str, path: str, content: Any = None, *, expect: int = 200) -> Any:
        """Call as anybody; ``path`` may be a whole address. Raises StoryError when the answer is another."""
        return self._call(method, path, content, {}, expect)[0]

    def call(self, role: str, method: str, path: str, content: Any = None, *, expect: int = 200, **headers: str) -> Any:
        """Call as a member of staff in a role; underscores in the names of headers stand for hyphens."""
        return self.call_tagged(role, method, path, content, expect=expect, **headers)[0]

    def call_tagged(
        self, role: str, method: str, path: str, content: Any = None, *, expect: int = 200, **headers: str
    ) -> tuple[Any, str]:
        """Do the same and also return the version that came with the answer, for If-Match."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return self._call(method, path, content, {"Authorization": f"Bearer {self._token(role)}", **named}, expect)

    def sandbox(self, method: str, path: str, content: Any = None) -> Any:
        """Pull a string of the sandbox, or look at what it holds."""
        try:
            answer = requests.request(method, f"{self._sandbox}/{path}", json=content, timeout=TIMEOUT)
        except requests.RequestException as error:
            raise StoryError("The sandbox does not answer: the demo needs a trial system.") from error
        if not answer.ok:
            raise StoryError(f"The sandbox answered {answer.status_code} to {method} {path}.")
        return answer.json() if answer.content else None

    def link(self, pattern: str, to: str, *, besides: Sequence[str] = ()) -> str:
        """Wait for a mail to ``to`` with a link in it that matches, other than those ``besides``."""

        def find() -> str | None:
            for summary in self._mails.newest(200):
                if to.lower() in summary.to.lower():
                    found = [
                        each for each in re.findall(pattern, self._mails.read(summary.id).text) if each not in besides
                    ]
                    if found:
                        return str(found[0])
            return None

        return str(self.wait(find, f"a mail to {to} with {pattern}"))

    def letter(self, subject: str, to: str) -> None:
        """Wait for a mail to ``to`` with these words in its subject."""

        def find() -> bool:
            return any(to in each.to and subject in each.subject for each in self._mails.newest(200))

        self.wait(find, f"the mail '{subject}'")

    def wait(self, look: Callable[[], Any], what: str) -> Any:
        """Look until there is something; raises StoryError that says what never came."""
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            found = look()
            if found:
                return found
            time.sleep(LOOK_EVERY)
        raise StoryError(f"It never came: {what}.")

    def _call(self, method: str, path: str, content: Any, headers: dict[str, str], expect: int) -> tuple[Any, str]:
        url = path if path.startswith("http") else f"{self._origin}{path}"
        headers = {"Accept": "application/json", **headers}
        try:
            answer = requests.request(
                method, url, json=content, headers=headers, timeout=TIMEOUT, allow_redirects=False
            )
        except requests.RequestException as error:
            raise StoryError(f"{self._origin} does not answer: start the system with ./run first.") from error
        if answer.status_code != expect:
            raise StoryError(f"{method} {path} answered {answer.status_code}, not {expect}: {answer.text[:300]}")
        is_json = "json" in answer.headers.get("Content-Type", "")
        return (answer.json() if is_json else answer.text), answer.headers.get("ETag", "")

    def _token(self, role: str) -> str:
        key = KeyStore(self._settings.keys).for_command()
        now = self._settings.clock()
        return issue_token(
            key.private_key, key.key_id, subject=f"demo-{role}", roles=[role], audience=SERVICES, now=now
        )
