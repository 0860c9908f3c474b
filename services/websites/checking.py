"""Holding a website against the privacy statement: nothing of others without need, only cookies on the register.

Pages are read as they are sent. What a script then loads or sets is not seen, and what comes of this says so.
"""

from __future__ import annotations

from collections import deque
from http import HTTPStatus
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urldefrag, urlsplit

from services.websites.reading import read_page, read_sheet
from shared.policy.sites import origin_of

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from services.websites.fetching import Fetched, Visitor
    from services.websites.reading import Load

MEASURES, ADVERTISES, SOCIAL = "measures visits (P86)", "advertises (P84)", "a social network (P87)"
KNOWN = {
    "addtoany.com": SOCIAL,
    "clarity.ms": MEASURES,
    "connect.facebook.net": ADVERTISES,
    "doubleclick.net": ADVERTISES,
    "facebook.com": SOCIAL,
    "google-analytics.com": MEASURES,
    "googleadservices.com": ADVERTISES,
    "googlesyndication.com": ADVERTISES,
    "googletagmanager.com": MEASURES,
    "hotjar.com": MEASURES,
    "instagram.com": SOCIAL,
    "linkedin.com": SOCIAL,
    "matomo.cloud": MEASURES,
    "pinterest.com": SOCIAL,
    "sharethis.com": SOCIAL,
    "tiktok.com": SOCIAL,
    "twitter.com": SOCIAL,
    "x.com": SOCIAL,
}
"""What some hosts, and those below them, are there for; any other is called what it is: another party."""


class Problem(NamedTuple):
    """Something on a page that the statement does not have."""

    page: str
    what: str
    where: str
    why: str


class Check:
    """Reads a website from some addresses along the links on its pages, up to ``most`` of them.

    ``own`` are the origins that may be loaded from: the website's, whose pages are followed, and this system's.
    ``cookies`` are the names on the register. Afterwards ``problems`` has what was found, ``pages`` and ``sheets``
    how many were read, and ``waiting`` the pages that were left.
    """

    def __init__(self, visitor: Visitor, *, own: Collection[str], cookies: Collection[str]) -> None:
        self.pages = 0
        self.waiting: deque[str] = deque()
        self._visitor, self._own, self._cookies = visitor, own, cookies
        self._followed: set[str | None] = set()
        self._met: set[str] = set()
        self._sheets: set[str] = set()
        self._problems: dict[Problem, None] = {}

    @property
    def problems(self) -> Sequence[Problem]:
        """What was found, each once."""
        return list(self._problems)

    @property
    def sheets(self) -> int:
        """How many style sheets were read."""
        return len(self._sheets)

    def read(self, starts: Sequence[str], *, most: int) -> None:
        """Read pages; once."""
        self._followed.update(origin_of(each) for each in starts)
        self._meet(starts)
        while self.waiting and self.pages < most:
            self.pages += 1
            self._page(self.waiting.popleft())

    def _page(self, page: str) -> None:
        answer = self._fetch(page)
        if answer is None:
            return
        if answer.goes_to:
            if origin_of(answer.goes_to) not in self._own:
                self._note(page, "redirect", _host(answer.goes_to), _why(answer.goes_to))
            self._meet([answer.goes_to])
        elif answer.status >= HTTPStatus.BAD_REQUEST:
            self._note(page, "not read", "-", f"answered {answer.status}")
        elif answer.kind == "text/html":
            content = read_page(page, answer.text)
            self._of_others(page, content.loads)
            self._meet(content.links)
            for sheet in content.sheets:
                self._sheet(sheet)

    def _sheet(self, sheet: str) -> None:
        if origin_of(sheet) not in self._own or sheet in self._sheets:
            return
        self._sheets.add(sheet)
        if (answer := self._fetch(sheet)) is not None:
            self._of_others(sheet, read_sheet(sheet, answer.text))

    def _fetch(self, address: str) -> Fetched | None:
        answer = self._visitor.fetch(address)
        if isinstance(answer, str):
            self._note(address, "not read", "-", answer)
            return None
        for name in answer.cookies:
            if name not in self._cookies:
                self._note(address, f"cookie {name}", "-", "not on the register of cookies (P82)")
        return answer

    def _meet(self, addresses: Collection[str]) -> None:
        for address in (urldefrag(each).url for each in addresses):
            if origin_of(address) in self._followed and address not in self._met:
                self._met.add(address)
                self.waiting.append(address)

    def _of_others(self, page: str, loads: Sequence[Load]) -> None:
        for load in loads:
            if urlsplit(load.address).scheme in {"http", "https"} and origin_of(load.address) not in self._own:
                self._note(page, load.by, _host(load.address), _why(load.address))

    def _note(self, page: str, what: str, where: str, why: str) -> None:
        self._problems[Problem(page, what, where, why)] = None


def _host(address: str) -> str:
    return urlsplit(address).netloc.rpartition("@")[2]


def _why(address: str) -> str:
    name = urlsplit(address).hostname or ""
    return next((why for known, why in KNOWN.items() if name == known or name.endswith(f".{known}")), "another party")
