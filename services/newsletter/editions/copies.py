"""What a copy of an edition has to have: both headers of RFC 8058, a signature over them, and a link at its foot (P24).

No link is followed: whoever opens one may unsubscribe, and whoever looks is no subscriber who wants to.
"""

from __future__ import annotations

import email
import email.policy
import re
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import TYPE_CHECKING, Literal
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Iterator
    from email.message import EmailMessage

Lack = Literal["list-unsubscribe", "list-unsubscribe-post", "dkim", "foot-link"]

URI = re.compile(r"<([^<>]+)>")
PLAIN_LINK = re.compile(r"https?://[^\s<>\"]+")
LEAVING = re.compile(r"unsubscri|afmeld|uitschrij|opt-?out", re.IGNORECASE)
FOOT = 1500  # letters that may follow the link: an address, a chamber of commerce number, a few lines of law
UNSHOWN = frozenset({"style", "script", "title", "head"})


def lacks_of(copy: bytes, public_url: str) -> list[Lack]:
    """Return what a mail lacks, in this order."""
    message = email.message_from_bytes(copy, policy=email.policy.default)
    uris = [uri.strip() for value in message.get_all("List-Unsubscribe", []) for uri in URI.findall(str(value))]
    one_click = [uri for uri in uris if uri.lower().startswith("https://")]
    posts = [str(value).strip().lower() for value in message.get_all("List-Unsubscribe-Post", [])]
    found: list[Lack] = []
    if not one_click:
        found.append("list-unsubscribe")
    if posts != ["list-unsubscribe=one-click"]:
        found.append("list-unsubscribe-post")
    if not any(_covers(str(value)) for value in message.get_all("DKIM-Signature", [])):
        found.append("dkim")
    ours = {urlsplit(public_url).hostname or "", *(_site(uri) for uri in one_click), _sender(message)} - {""}
    if not any(_leads_out(address, words, ours) for address, words in _at_the_foot(message)):
        found.append("foot-link")
    return found


def _covers(signature: str) -> bool:
    """Tell whether a DKIM signature says that it is over both headers (RFC 8058 section 4); it is not checked here."""
    tags = {name.strip(): value for name, _, value in (part.partition("=") for part in signature.split(";"))}
    names = {name.strip().lower() for name in tags.get("h", "").split(":")}
    return {"list-unsubscribe", "list-unsubscribe-post"} <= names


def _leads_out(address: str, words: str, ours: set[str]) -> bool:
    """Tell whether a link is to a page to leave by: on our host, the sender's, or the one of the header."""
    if not LEAVING.search(f"{words} {address}"):
        return False
    host = _host(address)
    return bool(host) and (host in ours or _site(address) in ours)


def _sender(message: EmailMessage) -> str:
    header = message["From"]
    addresses = getattr(header, "addresses", ())
    return ".".join(addresses[0].domain.lower().split(".")[-2:]) if addresses else ""


def _site(address: str) -> str:
    """Return the last two labels of a link's host: programmes count clicks on a name beside the one of the header."""
    return ".".join(_host(address).split(".")[-2:])


def _host(address: str) -> str:
    try:
        parts = urlsplit(address)
        return (parts.hostname or "").lower() if parts.scheme in ("https", "http") else ""
    except ValueError:
        return ""


def _at_the_foot(message: EmailMessage) -> Iterator[tuple[str, str]]:
    """Yield address and words of each link that little text follows; of the HTML, where there is any."""
    part = message.get_body(preferencelist=("html", "plain"))
    if part is None:
        return
    try:
        text = str(part.get_content())
    except (LookupError, ValueError, KeyError):
        return
    if part.get_content_type() == "text/html":
        page = _Page()
        page.feed(text)
        page.close()
        links, letters = page.links, page.letters
    else:
        links = [(found[0], _line_before(text, found.start()), found.end()) for found in PLAIN_LINK.finditer(text)]
        letters = len(text)
    yield from ((address, words) for address, words, place in links if letters - place <= FOOT)


def _line_before(text: str, place: int) -> str:
    return text[:place].rstrip()[-120:]


@dataclass
class _Page(HTMLParser):
    """Reads an HTML text: how many letters it shows, and its links with their words and where they end."""

    letters: int = 0
    links: list[tuple[str, str, int]] = field(default_factory=list)
    _address: str = ""
    _words: str = ""
    _unshown: int = 0

    def __post_init__(self) -> None:
        super().__init__()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Begin a link, or what nobody sees."""
        if tag in UNSHOWN:
            self._unshown += 1
        if tag == "a":
            self._address, self._words = next((value or "" for name, value in attrs if name == "href"), ""), ""

    def handle_endtag(self, tag: str) -> None:
        """End it."""
        if tag in UNSHOWN and self._unshown:
            self._unshown -= 1
        if tag == "a" and self._address:
            self.links.append((self._address.strip(), self._words, self.letters))
            self._address = ""

    def handle_data(self, data: str) -> None:
        """Count what is shown."""
        if self._unshown:
            return
        shown = " ".join(data.split())
        self.letters += len(shown)
        self._words += f" {shown}"
