"""Every mailbox at once: what lies in the folder of mails, each read a single time."""

from __future__ import annotations

import re
import threading
from collections import Counter, defaultdict
from pathlib import Path

from shared.mail import MailFolder
from shared.mail.folder import StoredMail

FORM = re.compile(r"/console/forms/([\w-]+)")
LINK = re.compile(r"/newsletter/(confirm|unsubscribe)/[\w-]+")


class Mailbox:
    """Finds links by address, and counts the mails about each contact form."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._read: set[str] = set()
        self._reading = threading.Lock()
        self.about_forms: Counter[str] = Counter()
        self.confirmations: Counter[str] = Counter()
        self._links: dict[str, dict[str, str]] = defaultdict(dict)

    def link(self, to: str, kind: str) -> str | None:
        """Return the path of the last link of this kind that came to an address."""
        self.look()
        return self._links[to].get(kind)

    def look(self) -> None:
        """Read what has come since."""
        with self._reading:
            for path in (self._directory / "new").glob("*.discreet"):
                if path.name not in self._read:
                    self._read.add(path.name)
                    self._note(MailFolder(self._directory).read(path.name.split(".")[1]))

    def _note(self, mail: StoredMail) -> None:
        if found := FORM.search(mail.text):
            self.about_forms[found[1]] += 1
        links = {found[1]: found[0] for found in LINK.finditer(mail.text)}
        self._links[mail.to] |= links
        self.confirmations[mail.to] += "confirm" in links
