"""What a view gets and what it may give back; neither knows Flask or a status."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar

from shared.errors import PreconditionFailedError, PreconditionRequiredError, UnauthenticatedError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
    from datetime import datetime

    from sqlalchemy.orm import Session
    from werkzeug.datastructures import Headers

    from shared.auth import Principal
    from shared.policy.sites import Bringer, Site
    from shared.service import Tools
    from shared.web.idempotency import Repeat
    from shared.web.paging import Place
    from shared.wording import Language

RowT = TypeVar("RowT")


@dataclass(frozen=True, slots=True)
class Answer:
    """A body for the route's answer schema; ``etag`` is the version that an edit must name in If-Match.

    ``modified`` (aware UTC) becomes Last-Modified. ``stored`` marks a body that went through the schema when
    it was kept for repeated calls.
    """

    body: Any = None
    location: str | None = None
    etag: str | None = None
    modified: datetime | None = None
    stored: bool = False


@dataclass(frozen=True, slots=True)
class Redirect:
    """See another address (303): what a browser gets after its form was taken."""

    address: str


@dataclass(frozen=True, slots=True)
class Page:
    """A page for a person: ``"<service>/<file>.html"`` and what it shows.

    ``form_to`` are origins beside our own that a form on the page may end at (a 303 to the clinic's site
    counts), ``framed_by`` those that may show the page in a frame. ``scripted``: it works without
    script too, and a script of ours helps. ``here`` is where a page that answers a POST
    can be read by a GET, in the other language too. Every template also has ``say``,
    ``language``, ``trial``, ``asset``, ``typed``, ``errors`` and ``problem``. ``modified`` (aware UTC) becomes
    Last-Modified.
    """

    template: str
    context: Mapping[str, Any] = field(default_factory=dict)
    form_to: Sequence[str] = ()
    framed_by: Sequence[str] = ()
    scripted: bool = False
    here: str | None = None
    modified: datetime | None = None


@dataclass(frozen=True, slots=True)
class Document:
    """Bytes as they are: an export, a proof, a calendar; and what a provider's webhook wants to hear.

    ``status`` is only for a webhook whose provider goes by the status. ``keep_for`` seconds it may be
    cached by anybody; 0 for everything that is not public.
    """

    content: bytes | Iterable[bytes]
    media: str
    filename: str | None = None
    status: int | None = None
    keep_for: int = 0


Reply = Answer | Redirect | Page | Document
KeptT = TypeVar("KeptT", bound=Answer | Redirect)


@dataclass(kw_only=True)
class Call:
    """One call of one route, parsed and admitted.

    ``now`` is aware UTC by the service's clock. ``body`` and ``query`` went through their schemas.
    ``asked_language`` and ``asked_page`` read what the caller would rather have. ``headers`` are for signatures,
    ``typed`` is the body before validation, for a form that is shown again. ``site`` is the website that a form
    came from or names, and ``brought_by`` who says so. ``restoring`` says, to a route that answers all the same, that
    stored data may not be shown or acted on: a backup is being put right. ``count`` holds the caller to another limit,
    stricter than the route's own; it raises TooManyRequestsError.
    """

    tools: Tools
    now: datetime
    path: Mapping[str, str]
    headers: Headers
    asked_language: Callable[[], Language]
    asked_page: Callable[[], bool]
    visitor: Principal | None
    place: Place
    traceparent: str | None = None
    restoring: bool = False
    query: dict[str, Any] = field(default_factory=dict)
    raw: bytes = b""
    typed: dict[str, Any] = field(default_factory=dict)
    body: dict[str, Any] = field(default_factory=dict)
    repeat: Repeat | None = None
    site: Site | None = None
    brought_by: Bringer = "unknown"
    count: Callable[[str], None] = lambda _limit: None

    @cached_property
    def language(self) -> Language:
        """The language that the call asks for; a form or an address that says one sets it."""
        return self.asked_language()

    @cached_property
    def wants_page(self) -> bool:
        """Whether this is a browser's own form or link, and no program."""
        return self.asked_page()

    @property
    def principal(self) -> Principal:
        """Who calls; ``visitor`` is the same, or None on a public route. Raises UnauthenticatedError."""
        if self.visitor is None:
            raise UnauthenticatedError("This needs a token.")
        return self.visitor

    @property
    def signed(self) -> bool:
        """Whether the site's server says that the form came from there."""
        return self.brought_by == "site-server"

    @property
    def held_to(self) -> Collection[Site]:
        """The sites whose demands a visitor's form has to meet: of one that only names its site, those of all.

        Otherwise a robot would name a site that asks nothing, or none.
        """
        if self.site and self.brought_by == "site-page":
            return [self.site]
        return self.tools.policy.sites.values()

    @contextmanager
    def transaction(self) -> Iterator[Session]:
        """Open the transaction of this call's effect; on an ``idempotent`` route also that of its answer."""
        with self.tools.database.transaction() as session:
            if self.repeat:
                self.repeat.claim(session, self.now)
            yield session
            if self.repeat:
                self.repeat.finish(session)

    def keep(self, answer: KeptT) -> KeptT:
        """Keep the answer for a repeated call, inside the transaction; it may hold references only."""
        if self.repeat:
            self.repeat.keep(answer)
        return answer

    def require_match(self, etag: str) -> None:
        """Refuse an edit of anything but the version the caller has seen (RFC 9110 section 13.1.1).

        Raises PreconditionRequiredError without If-Match, PreconditionFailedError on another version.
        """
        wanted = self.headers.get("If-Match", "").strip()
        if not wanted:
            raise PreconditionRequiredError("Say in If-Match which version you have seen.")
        if wanted != "*" and f'"{etag}"' not in [part.strip() for part in wanted.split(",")]:
            raise PreconditionFailedError("It was changed since you read it.")

    @property
    def after(self) -> list[Any] | None:
        """Where the caller's ``cursor`` says the list goes on, or None at its start."""
        return self.place.after(self.query.get("cursor"))

    @property
    def size(self) -> int:
        """How many items the caller wants at most; fetch one more, so that ``listing`` knows of a next page."""
        return int(self.query.get("limit", 50))

    def listing(
        self,
        rows: Sequence[RowT],
        *,
        position: Callable[[RowT], Sequence[Any]],
        show: Callable[[RowT], Any] = lambda row: row,
    ) -> dict[str, Any]:
        """Shape ``size + 1`` fetched rows as ``{"items": ..., "next": cursor or None}``.

        ``position`` gives the values (text and numbers) the list is ordered by, the last of them unique.
        """
        shown = rows[: self.size]
        following = self.place.cursor(position(shown[-1])) if len(rows) > self.size else None
        return {"items": [show(row) for row in shown], "next": following}
