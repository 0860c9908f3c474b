"""What the newsletter asks of an e-mail marketing programme, whichever programme it is."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime  # noqa: TC003 - msgspec reads the types of what is kept of a delivery
from typing import TYPE_CHECKING, Literal, Protocol, TypeAlias

from shared.processors.interface import Adapter

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from shared.wording import Both

MemberState: TypeAlias = Literal["subscribed", "unsubscribed", "pending", "cleaned", "absent"]
EventKind: TypeAlias = Literal[
    "unsubscribed", "subscribed", "complained", "bounced", "deleted", "address_changed", "profile"
]
SignsWith: TypeAlias = Literal["our-secret", "their-secret", "secret-shown-once"]
WebhookMode: TypeAlias = Literal["signed", "url-secret", "both"]
CampaignState: TypeAlias = Literal["draft", "scheduled", "sent"]
Audience: TypeAlias = Literal["whole-list", "part-of-list", "more-than-list", "another-list", "unknown"]
"""Whom a mailing goes to, seen from our list."""

SENT_TO: frozenset[MemberState] = frozenset({"subscribed", "pending"})
"""The states in which a programme mails a person, be it only to ask for a confirmation."""


@dataclass(frozen=True, kw_only=True)
class ProviderEvent:
    """One thing a programme told us, with no more of the person than is used.

    `occurred_at` is aware UTC by the programme's own clock; None where it names no time, and then what it tells
    counts from when it came in. `reason` is the programme's own code word.
    `by_person` tells whether the person did it; None where the programme does not say.
    `dedupe_key` is the same for every delivery of the event. It is a plain SHA-256, in which an address
    can be guessed: whoever stores it longer than the event must put it through a key of their own.
    """

    kind: EventKind
    list_id: str
    occurred_at: datetime | None
    dedupe_key: str
    email: str = field(repr=False)
    new_email: str | None = field(default=None, repr=False)
    reason: str = ""
    by_person: bool | None = None


@dataclass(frozen=True, kw_only=True)
class ParsedWebhook:
    """The events of one delivery; `rejected` items were unreadable, `ignored` ones are not for us.

    `campaigns` are those of which it tells that they were sent, by the programme's own ids.
    """

    events: tuple[ProviderEvent, ...] = ()
    campaigns: tuple[str, ...] = ()
    rejected: int = 0
    ignored: int = 0


@dataclass(frozen=True, kw_only=True)
class Webhook:
    """A webhook as the programme has it; `secret` is given by some only once, when it is made."""

    webhook_id: str
    events: frozenset[str]
    active: bool
    url: str = field(repr=False)
    secret: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """One address on the list, for comparing the list with our own subscriptions."""

    state: MemberState
    email: str = field(repr=False)


@dataclass(frozen=True, kw_only=True)
class MemberPage:
    """Some of a list; ``rest`` is where the next page begins, in words of the programme's adapter, or None."""

    members: Sequence[Member]
    rest: str | None


@dataclass(frozen=True, slots=True)
class Promise:
    """What can be promised where this programme is used, or cannot: for whoever chooses it."""

    kept: bool
    text: Both


@dataclass(frozen=True, slots=True, kw_only=True)
class Campaign:
    """A mailing as the programme has it: `at` is when it is planned, or when its sending began (aware UTC).

    `subject` is what it has for everybody, with the programme's marks where a name will stand. `sender_domain` is that
    of the address it is sent from, or nothing where the programme does not show one.
    """

    campaign_id: str
    subject: str
    state: CampaignState
    audience: Audience
    at: datetime | None = None
    sender_domain: str = ""

    def goes_since(self, moment: datetime) -> bool:
        """Tell whether it is planned or was sent, and not before this moment; without a time, that is not known."""
        return self.state != "draft" and (self.at is None or self.at >= moment)


class Campaigns(Protocol):
    """The mailings of one programme. Every call raises RetryableError or PermanentError for what the outside did."""

    @property
    def minutes(self) -> int:
        """Of which number of minutes a planned time is a multiple."""
        ...

    def find(self, campaign_id: str) -> Campaign | None:
        """Return one, or None for an id that the programme does not know."""
        ...

    def drafts(self) -> Sequence[Campaign]:
        """Return the latest that are neither planned nor sent."""
        ...

    def since(self, moment: datetime) -> Sequence[Campaign]:
        """Return those that are planned, and those whose sending began since then; never a draft."""
        ...

    def schedule(self, campaign_id: str, at: datetime) -> None:
        """Have a draft sent at that time."""
        ...


class NewsletterProvider(Adapter, Protocol):
    """One programme. Every call raises RetryableError or PermanentError for what the outside did."""

    @property
    def promises(self) -> tuple[Promise, ...]:
        """What this programme lets us keep, and what not."""
        ...

    @property
    def campaigns(self) -> Campaigns:
        """The mailings of the account that this list is in."""
        ...

    def check(self) -> None:
        """Ask the programme whether list and field names are right. Raises ConfigurationError."""
        ...

    def subscribe(self, email: str, first_name: str, *, reactivate: bool) -> MemberState:
        """Put a person on the list, or refresh the first name, and return the state after it.

        `reactivate` only for a fresh and explicit opt-in: without it an opt-out at the programme stays.
        """
        ...

    def get_state(self, email: str) -> MemberState:
        """Return what the programme says of an address now."""
        ...

    def members(self, after: str = "") -> MemberPage:
        """Return a page of everybody on the list, whatever their state: the first, or the one that begins there.

        Whoever changes state or leaves meanwhile may be on two pages or on none.
        """
        ...


class TellingProvider(NewsletterProvider, Protocol):
    """A programme that posts to us what happens there."""

    @property
    def failure_status(self) -> int:
        """HTTP status that makes this programme offer a delivery again."""
        ...

    @property
    def echoes(self) -> bool:
        """Whether it also tells what we did ourselves."""
        ...

    @property
    def signs_with(self) -> SignsWith:
        """What proves a new webhook: a secret of ours, one of theirs that can be read, or one that is shown once."""
        ...

    def webhooks(self) -> tuple[Webhook, ...]:
        """Return the webhooks of the list."""
        ...

    def ensure_webhooks(self, callback_url: str) -> tuple[Webhook, ...]:
        """Make or mend the webhooks that call `callback_url`, and return those made or mended now."""
        ...

    def handshake(self) -> bool:
        """Whether a GET on the webhook address is answered 200 before the webhook is made."""
        ...

    def verify(self, headers: Mapping[str, str], raw: bytes, *, url_secret: str, now: datetime) -> tuple[str, ...]:
        """Return which proofs of origin matched. Raises UnauthenticatedError when the required ones did not.

        `raw` are the exact bytes of the body and `url_secret` is the last part of the address called.
        """
        ...

    def parse(self, raw: bytes) -> ParsedWebhook:
        """Read a delivery. Raises MalformedBodyError when nothing in it can be read."""
        ...


class AskedProvider(NewsletterProvider, Protocol):
    """A programme that tells only when it is asked."""

    def poll(self, since: datetime | None) -> Iterator[Sequence[ProviderEvent]]:
        """Yield, page by page, the opt-outs since then by the programme's own clock, or all of them."""
        ...
