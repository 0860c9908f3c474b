"""Routes as a service declares them: data that HTTP, the description and the tests are made from."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Required, TypedDict, TypeVar, Unpack

from marshmallow import Schema

from shared.web.rates import parse_limit

if TYPE_CHECKING:
    from shared.web.calls import Call, Page, Reply
    from shared.web.who import Who

JSON = "application/json"
FORM = "application/x-www-form-urlencoded"
MULTIPART = "multipart/form-data"
HTML = "text/html"

KIB = 1024


class Raw:
    """The body as bytes in ``call.raw``, of any media type: for signed callbacks and webhooks."""


RAW = Raw()
View = Callable[["Call"], "Reply"]
ViewT = TypeVar("ViewT", bound=View)


@dataclass(frozen=True, slots=True)
class Answers:
    """What a route answers when all is well: the one place where a service says a status.

    ``created``: an answer with a location is 201 instead, for a route that some may only knock at.
    """

    status: int
    schema: type[Schema] | None = None
    media: str = JSON
    created: bool = False


class Options(TypedDict, total=False):
    """What a route may say of itself; see ``Route``."""

    who: Required[Who]
    answers: Required[Answers]
    body: type[Schema] | Raw | None
    media: Collection[str]
    max_bytes: int
    query: type[Schema] | None
    form: Callable[[Call], Page] | None
    sites: bool
    idempotent: bool
    limit: str | None
    never_redirect: bool
    while_restoring: bool


@dataclass(frozen=True, kw_only=True)
class Route:
    """One method on one path.

    ``max_bytes`` is 64 KiB unless said otherwise, 2.5 MB for RAW. ``form`` is the view that shows the form
    this route receives: a browser's mistake gets that page again, with what was typed. ``sites``: forms of the
    clinic's websites come here, see ``shared.web.sites``. ``idempotent`` honours Idempotency-Key.
    ``limit`` is ``"10/minute"`` (second, minute, hour, day) per client address, and ten times that for the server
    of a site. ``never_redirect`` keeps a one-click POST (RFC 8058) from being answered by a redirect to https.
    ``while_restoring`` marks what a service that was put back from a backup may already answer.
    """

    method: str
    rule: str
    view: View
    who: Who
    answers: Answers
    body: type[Schema] | Raw | None = None
    media: Collection[str] = (JSON,)
    max_bytes: int = 0
    query: type[Schema] | None = None
    form: Callable[[Call], Page] | None = None
    sites: bool = False
    idempotent: bool = False
    limit: str | None = None
    never_redirect: bool = False
    while_restoring: bool = False

    def __post_init__(self) -> None:
        """Refuse a limit that means nothing, at import."""
        if self.limit:
            parse_limit(self.limit)

    @property
    def name(self) -> str:
        """The view's name, which names the operation."""
        return self.view.__name__

    @property
    def for_people(self) -> bool:
        """Whether the route answers with a page."""
        return self.answers.media == HTML

    @property
    def receives(self) -> bool:
        """Whether the route reads a body."""
        return self.method in {"POST", "PUT", "PATCH"}

    @property
    def most_bytes(self) -> int:
        """How many bytes of body the route takes."""
        return self.max_bytes or (2_500_000 if isinstance(self.body, Raw) else 64 * KIB)

    @cached_property
    def body_schema(self) -> Schema:
        """The shape of the body; one without fields where the route takes none."""
        return self.body() if isinstance(self.body, type) else Schema()

    @cached_property
    def query_schema(self) -> Schema:
        """The shape of the query string; one without fields where the route takes none."""
        return self.query() if self.query else Schema()

    @cached_property
    def answer_schema(self) -> Schema | None:
        """The shape of the answer, which also decides what leaves: undeclared fields do not."""
        return self.answers.schema() if self.answers.schema else None


@dataclass(frozen=True)
class Api:
    """A named collection of routes; its rules are below the service's path unless it is ``at_root``."""

    name: str
    at_root: bool = False
    routes: list[Route] = field(default_factory=list)

    def get(self, rule: str, **options: Unpack[Options]) -> Callable[[ViewT], ViewT]:
        """Declare a GET (and HEAD)."""
        return self._declare("GET", rule, options)

    def post(self, rule: str, **options: Unpack[Options]) -> Callable[[ViewT], ViewT]:
        """Declare a POST."""
        return self._declare("POST", rule, options)

    def put(self, rule: str, **options: Unpack[Options]) -> Callable[[ViewT], ViewT]:
        """Declare a PUT."""
        return self._declare("PUT", rule, options)

    def patch(self, rule: str, **options: Unpack[Options]) -> Callable[[ViewT], ViewT]:
        """Declare a PATCH."""
        return self._declare("PATCH", rule, options)

    def delete(self, rule: str, **options: Unpack[Options]) -> Callable[[ViewT], ViewT]:
        """Declare a DELETE."""
        return self._declare("DELETE", rule, options)

    def _declare(self, method: str, rule: str, options: Mapping[str, Any]) -> Callable[[ViewT], ViewT]:
        missing = {"who", "answers"} - options.keys()
        if missing:
            raise TypeError(f"{method} {rule} must say {' and '.join(sorted(missing))}")

        def declare(view: ViewT) -> ViewT:
            self.routes.append(Route(method=method, rule=rule, view=view, **options))
            return view

        return declare
