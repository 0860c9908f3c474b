"""What the newsletter keeps: subscriptions, and the marks that make doing a thing twice harmless."""

from __future__ import annotations

from datetime import datetime
from functools import cache
from typing import TYPE_CHECKING, Literal

import sqlalchemy as sa
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from shared.database import NAMING, UtcDateTime, dialect_of, insert_into, insert_on
from shared.many import among, among_given
from shared.vault import DATA_KEY
from shared.wording import Language

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from sqlalchemy.orm import Session

State = Literal["pending", "confirmed", "ended"]
Because = Literal["unsubscribed", "complaint", "bounce", "removed-at-provider", "address-changed"]
PENDING: State = "pending"
CONFIRMED: State = "confirmed"
ENDED: State = "ended"
CATEGORY = "subscriptions"
"""The data category, as the register of processors names it."""
CHUNK = 400  # values in one IN


class Base(DeclarativeBase):
    """The newsletter's own tables."""

    metadata = sa.MetaData(naming_convention=NAMING)


class Subscription(Base):
    """One person's subscription, from the sign-up to its end.

    ``version`` is counted by this service only. ``asked_at`` is when the last confirmation mail was asked
    for, and ``expires_at`` when its link stops working. ``former_ref`` is that of the address before the
    last change. Sealed are first name, address, and the tokens of both links, of which the digests serve
    to find the row. ``seen_at`` is the last comparison that found them on the programme's list, and ``term_end`` the
    decision that ends it for good, once that is taken.
    """

    __tablename__ = "subscriptions"
    __table_args__ = {"info": {"term": "newsletter.subscription"}}  # noqa: RUF012 - SQLAlchemy reads it

    id: Mapped[str] = mapped_column(sa.String(36), primary_key=True)
    ref: Mapped[str] = mapped_column(sa.String(100), index=True)
    former_ref: Mapped[str | None] = mapped_column(sa.String(100), index=True)
    state: Mapped[str] = mapped_column(sa.String(10))
    ended_because: Mapped[str | None] = mapped_column(sa.String(20))
    version: Mapped[int]
    language: Mapped[Language] = mapped_column(sa.String(2))
    source: Mapped[str] = mapped_column(sa.String(20))
    privacy_version: Mapped[str] = mapped_column(sa.String(20))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    asked_at: Mapped[datetime] = mapped_column(UtcDateTime)
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime)
    mails: Mapped[int]
    mailed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    confirmed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    consent_digest: Mapped[str | None] = mapped_column(sa.String(64))
    ended_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    processor: Mapped[str | None] = mapped_column(sa.String(60))
    seen_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    term_end: Mapped[str | None] = mapped_column(sa.String(36))
    confirm_digest: Mapped[str] = mapped_column(sa.String(64), unique=True)
    unsubscribe_digest: Mapped[str] = mapped_column(sa.String(64), unique=True)
    sealed: Mapped[bytes] = mapped_column(sa.LargeBinary)
    key_id: Mapped[str] = mapped_column(sa.String(32), info=DATA_KEY)

    @property
    def is_live(self) -> bool:
        """Whether it is wanted, or may become so."""
        return self.state != ENDED


TABLE: sa.Table = sa.inspect(Subscription).local_table  # type: ignore[assignment]
_live = Subscription.state.in_([PENDING, CONFIRMED])
sa.Index("uq_subscriptions_live_ref", Subscription.ref, unique=True, sqlite_where=_live, postgresql_where=_live)

webhook_deliveries = sa.Table(
    "webhook_deliveries",
    Base.metadata,
    sa.Column("digest", sa.String(64), primary_key=True),
    sa.Column("received_at", UtcDateTime, nullable=False, index=True),
    info={"term": "newsletter.webhook"},
)
"""What a programme told us, as keyed digests: enough to know it again, and nothing to read."""

signup_claims = sa.Table(
    "signup_claims",
    Base.metadata,
    sa.Column("form", sa.String(36), primary_key=True),
    sa.Column("received_at", UtcDateTime, nullable=False, index=True),
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.Column("next_attempt_at", UtcDateTime),
    sa.Column("subscription", sa.String(36)),
    info={"term": "newsletter.pending"},
)
"""Contact forms whose sender also wants the newsletter, still to be asked for; without a time it was done.

``subscription`` is the one that began with it, if one did: it goes with the form as long as nobody confirmed it.
"""

waiting_sign_ups = sa.Table(
    "waiting_sign_ups",
    Base.metadata,
    sa.Column("id", sa.String(36), primary_key=True),
    sa.Column("received_at", UtcDateTime, nullable=False, index=True),
    sa.Column("sealed", sa.LargeBinary, nullable=False),
    sa.Column("key_id", sa.String(32), nullable=False, info=DATA_KEY),
    info={"term": "newsletter.pending"},
)
"""Sign-ups that came while a backup was put right: what is known of their addresses may be out of date until then."""

polls = sa.Table(
    "polls",
    Base.metadata,
    sa.Column("processor", sa.String(60), primary_key=True),
    sa.Column("read_to", UtcDateTime, nullable=False),
    info={"term": "system.structure"},
)
"""Up to when a programme that has to be asked was heard, by its own clock."""

tallies = sa.Table(
    "tallies",
    Base.metadata,
    sa.Column("name", sa.String(60), primary_key=True),
    sa.Column("on_day", sa.String(10), primary_key=True),
    sa.Column("number", sa.Integer, nullable=False),
    info={"term": "system.structure"},
)
"""How often something happened that leaves no other trace."""


def find_live(session: Session, refs: Collection[str]) -> Subscription | None:
    """Return the subscription of this address that is wanted or may become so; there is one at most."""
    return session.scalars(sa.select(Subscription).where(among(Subscription.ref, refs), _live)).first()


def find_of(session: Session, refs: Collection[str]) -> Sequence[Subscription]:
    """Return every subscription of these addresses, oldest first."""
    query = sa.select(Subscription).where(among(Subscription.ref, refs))
    return session.scalars(query.order_by(Subscription.created_at)).all()


def find_all(session: Session, identifiers: Collection[str]) -> Sequence[Subscription]:
    """Return those of these subscriptions that are still there."""
    query = sa.select(Subscription).where(among(Subscription.id, identifiers))
    return session.scalars(query.order_by(Subscription.created_at)).all()


def find_again(session: Session, subscription: Subscription) -> Subscription | None:
    """Read a row anew, after waiting for its person's lock; None when it is gone."""
    return session.get(Subscription, subscription.id, populate_existing=True)


def find_told_of(session: Session, refs: Collection[str]) -> Sequence[Subscription]:
    """Return what a programme may mean by these addresses: it can tell of one after it was changed."""
    return session.scalars(_TOLD_OF, {"refs": list(refs)}).all()


_TOLD_OF = sa.select(Subscription).where(
    sa.or_(among_given(Subscription.ref, "refs"), among_given(Subscription.former_ref, "refs"))
)


def find_standing(session: Session, refs: Collection[str]) -> Sequence[sa.Row[str, str | None, str]]:
    """Return ``ref``, ``former_ref`` and ``state`` of every subscription that has or had one of these addresses."""
    columns = (Subscription.ref, Subscription.former_ref, Subscription.state)
    its = sa.or_(among(Subscription.ref, refs), among(Subscription.former_ref, refs))
    return session.execute(sa.select(*columns).where(its)).all()


def find_by_confirm_digest(session: Session, digest: str) -> Subscription | None:
    """Return the subscription that a confirmation link is about."""
    return session.scalars(sa.select(Subscription).where(Subscription.confirm_digest == digest)).first()


def find_by_unsubscribe_digest(session: Session, digest: str) -> Subscription | None:
    """Return the subscription that an unsubscribe link is about."""
    return session.scalars(sa.select(Subscription).where(Subscription.unsubscribe_digest == digest)).first()


def find_expired(session: Session, now: datetime, limit: int) -> Sequence[Subscription]:
    """Return sign-ups that were not confirmed in time."""
    expired = sa.and_(Subscription.state == PENDING, Subscription.expires_at <= now)
    return session.scalars(sa.select(Subscription).where(expired).limit(limit)).all()


def find_ended(session: Session, before: datetime, limit: int) -> Sequence[Subscription]:
    """Return subscriptions that ended before then and whose erasure was not yet decided."""
    over = sa.and_(Subscription.state == ENDED, Subscription.ended_at <= before, Subscription.term_end.is_(None))
    return session.scalars(sa.select(Subscription).where(over).order_by(Subscription.ended_at).limit(limit)).all()


def read_to(session: Session, processor: str) -> datetime | None:
    """Return up to when a programme was heard, or None before the first time."""
    return session.scalar(sa.select(polls.c.read_to).where(polls.c.processor == processor))


def note_read_to(session: Session, processor: str, moment: datetime) -> None:
    """Remember up to when a programme was heard."""
    insert = insert_into(session, polls).values(processor=processor, read_to=moment)
    session.execute(insert.on_conflict_do_update(index_elements=["processor"], set_={"read_to": moment}))


def count_up(session: Session, name: str, now: datetime, number: int = 1) -> None:
    """Count that something happened today (UTC)."""
    row = {"name": name, "on_day": now.date().isoformat(), "number": number}
    session.connection().execute(_counting(dialect_of(session)), row)


@cache
def _counting(dialect: str) -> sa.Insert:
    insert = insert_on(dialect, tallies)
    more = {"number": tallies.c.number + insert.excluded.number}
    return insert.on_conflict_do_update(index_elements=["name", "on_day"], set_=more)


def short_ref(ref: str) -> int:
    """Return 64 bits of a reference: enough to know a person again among millions, in a fifth of the memory."""
    return int(ref.rpartition(".")[2][:16], 16)


def chunks(values: Iterable[str]) -> Iterable[Sequence[str]]:
    """Cut values into pieces that fit in one IN."""
    ordered = sorted(set(values))
    return (ordered[start : start + CHUNK] for start in range(0, len(ordered), CHUNK))
