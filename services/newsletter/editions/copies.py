"""What a copy of an edition has to have: both headers of RFC 8058, a signature over them, and a link at its foot (P24).

No link is followed: whoever opens one may unsubscribe, and whoever looks is no subscriber who wants to.
"""

from __future__ import annotations

import email
import re
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import TYPE_CHECKING, Literal
from urllib.parse import urlsplit

from services.newsletter.editions.headers import DOMAIN, values
from shared.mail.strangers import is_made_slow

if TYPE_CHECKING:
    from collections.abc import Iterator
    from email.message import Message

Lack = Literal["list-unsubscribe", "list-unsubscribe-post", "dkim", "foot-link", "origin"]
"""``origin``: nothing shows that the mail is of the programme (``editions.origins``)."""

URI = re.compile(r"<([^<>]+)>")
PLAIN_LINK = re.compile(r"https?://[^\s<>\"]+")
LEAVING = re.compile(r"unsubscri|afmeld|uitschrij|opt-?out", re.IGNORECASE)
FOOT = 1500  # letters that may follow the link: an address, a chamber of commerce number, a few lines of law
FOOT_PAGE = 30_000
"""How much of a page's end is read for its foot, with all that is not shown."""
UNSHOWN = frozenset({"style", "script", "title", "head"})


def lacks_of(copy: bytes, public_url: str) -> list[Lack]:
    """Return what a mail lacks, in this order.

    Raises ValueError, RecursionError or AssertionError for what no sender of newsletters writes.
    """
    if is_made_slow(copy):
        raise ValueError("a mail that is made to be slow")
    message = email.message_from_bytes(copy)
    uris = [uri.strip() for value in values(message, "List-Unsubscribe") for uri in URI.findall(value)]
    one_click = [uri for uri in uris if uri.lower().startswith("https://")]
    posts = [value.lower() for value in values(message, "List-Unsubscribe-Post")]
    found: list[Lack] = []
    if not one_click:
        found.append("list-unsubscribe")
    if posts != ["list-unsubscribe=one-click"]:
        found.append("list-unsubscribe-post")
    if not any(_covers(value) for value in values(message, "DKIM-Signature")):
        found.append("dkim")
    ours = {_host(public_url), *(_site(uri) for uri in one_click), _sender(message)} - {""}
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


def _sender(message: Message) -> str:
    found = DOMAIN.search(next(iter(values(message, "From")), ""))
    return ".".join(found[1].lower().split(".")[-2:]) if found else ""


def _site(address: str) -> str:
    """Return the last two labels of a link's host: programmes count clicks on a name beside the one of the header."""
    return ".".join(_host(address).split(".")[-2:])


def _host(address: str) -> str:
    try:
        parts = urlsplit(address)
        return (parts.hostname or "").lower() if parts.scheme in ("https", "http") else ""
    except ValueError:
        return ""


def _at_the_foot(message: Message) -> Iterator[tuple[str, str]]:
    """Yield address and words of each link that little text follows; of the HTML, where there is any."""
    kind, text = _shown(message)
    if kind == "text/html":
        page = _Page()
        page.feed(text[: text.rfind(">") + 1])  # the parser goes again and again over a tag that does not end
        page.close()
        links, letters = page.links, page.letters
    else:
        links = [(found[0], _line_before(text, found.start()), found.end()) for found in PLAIN_LINK.finditer(text)]
        letters = len(text)
    yield from ((address, words) for address, words, place in links if letters - place <= FOOT)


def _shown(message: Message) -> tuple[str, str]:
    """Return the kind of what a reader sees, and the end of its text."""
    parts: dict[str, Message] = {}
    for part in message.walk():
        if part.get_content_disposition() != "attachment":
            parts.setdefault(part.get_content_type(), part)
    for kind in ("text/html", "text/plain"):
        content = parts[kind].get_payload(decode=True) if kind in parts else None
        if isinstance(content, bytes):
            return kind, _text(content, parts[kind].get_content_charset("utf-8"))[-FOOT_PAGE:]
    return "text/plain", ""


def _text(content: bytes, charset: str) -> str:
    try:
        return content.decode(charset, "replace")
    except (LookupError, ValueError):
        return content.decode("utf-8", "replace")


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
        if self._address:
            self._words += f" {shown}"
