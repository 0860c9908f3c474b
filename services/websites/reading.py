"""What the text of a page or a style sheet has a browser fetch, and where it leads to."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import TYPE_CHECKING
from urllib.parse import urljoin

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

SOURCES: Mapping[str, tuple[str, ...]] = {
    "audio": ("src",),
    "embed": ("src",),
    "form": ("action",),
    "frame": ("src",),
    "iframe": ("src",),
    "image": ("href", "xlink:href"),
    "img": ("src",),
    "input": ("src",),
    "object": ("data",),
    "script": ("src",),
    "source": ("src",),
    "track": ("src",),
    "use": ("href", "xlink:href"),
    "video": ("src", "poster"),
}
FETCHED = frozenset(
    {
        "apple-touch-icon",
        "dns-prefetch",
        "icon",
        "manifest",
        "modulepreload",
        "preconnect",
        "prefetch",
        "preload",
        "stylesheet",
    }
)
"""The relations of a <link> that have a browser turn to the address; others only name one."""
_URL = re.compile(
    r"""url\(\s*(?:"([^"]*)"|'([^']*)'|([^)"'\s]*))\s*\)|@import\s+(?:"([^"]*)"|'([^']*)')""", re.IGNORECASE
)
_REFRESH = re.compile(r"\s*[0-9.]*\s*[;,]\s*url\s*=\s*[\"']?([^\"']+)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Load:
    """Something that a browser turns to by itself: an absolute address, and by which element."""

    by: str
    address: str


@dataclass(slots=True)
class Content:
    """What a page has a browser load, its own style sheets among it, and the addresses it links to."""

    loads: list[Load] = field(default_factory=list)
    links: list[str] = field(default_factory=list)
    sheets: list[str] = field(default_factory=list)


def read_page(address: str, text: str) -> Content:
    """Read a page as it was sent; what its scripts do is not seen."""
    reader = _Reader(address)
    reader.feed(text)
    reader.close()
    return reader.content


def read_sheet(address: str, text: str) -> list[Load]:
    """Read a style sheet."""
    return [Load("css", urljoin(address, each)) for each in _named_in(text)]


def _named_in(css: str) -> Iterator[str]:
    for found in _URL.finditer(css):
        if named := next(filter(None, found.groups()), ""):
            yield named.strip()


class _Reader(HTMLParser):
    def __init__(self, address: str) -> None:
        super().__init__()
        self._base = address
        self._in_style = False
        self.content = Content()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value for name, value in attrs if value}
        self._in_style = tag == "style"
        if tag == "base" and "href" in given:
            self._base = urljoin(self._base, given["href"])
        elif tag in {"a", "area"} and "href" in given:
            self.content.links.append(self._at(given["href"]))
        elif tag == "link":
            self._link(given)
        elif tag == "meta" and given.get("http-equiv", "").lower() == "refresh":
            self._refresh(given.get("content", ""))
        for name in SOURCES.get(tag, ()):
            if name in given:
                self._load(tag, given[name])
        for one in given.get("srcset", "").split(","):
            if one.strip():
                self._load(tag, one.split()[0])
        self._style(given.get("style", ""))

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        self._in_style = False

    def handle_endtag(self, tag: str) -> None:
        self._in_style = self._in_style and tag != "style"

    def handle_data(self, data: str) -> None:
        if self._in_style:
            self._style(data)

    def _link(self, given: Mapping[str, str]) -> None:
        relations = set(given.get("rel", "").lower().split())
        if "href" in given and relations & FETCHED:
            self._load("link", given["href"])
            if "stylesheet" in relations:
                self.content.sheets.append(self._at(given["href"]))

    def _refresh(self, content: str) -> None:
        if found := _REFRESH.match(content):
            self._load("meta", found[1])

    def _style(self, css: str) -> None:
        for named in _named_in(css):
            self._load("css", named)

    def _load(self, by: str, address: str) -> None:
        self.content.loads.append(Load(by, self._at(address)))

    def _at(self, address: str) -> str:
        try:
            return urljoin(self._base, address.strip())
        except ValueError:  # such as a bracket where no IPv6 address is: no browser goes there either
            return ""
