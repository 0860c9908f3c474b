"""One processor as we know it: how it is called, what it announced, and whether it said something."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Self

import sqlalchemy as sa

from shared.clock import system_clock
from shared.database import insert_into
from shared.processors.opendsr.client import OpenDsrClient
from shared.processors.opendsr.settings import OpenDsrSettings
from shared.processors.opendsr.signatures import UnprovenError, check_chain, check_signature, read_signed
from shared.processors.opendsr.tables import opendsr_announcements
from shared.processors.opendsr.wire import read_discovery

if TYPE_CHECKING:
    from datetime import datetime

    from shared.clock import Clock
    from shared.processors.opendsr.signatures import Headers, Signed
    from shared.processors.opendsr.wire import Discovery
    from shared.propagation.register import Processor
    from shared.service import Tools

LASTS = timedelta(days=1)
SPARING = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Announcement:
    """What a processor announced, and the chain it signs with (PEM, its own certificate first)."""

    discovery: Discovery
    certificates: str
    fetched_at: datetime


@dataclass(frozen=True, slots=True)
class Proof:
    """Something a processor signed, after every check held at that moment."""

    signed: Signed
    certificates: str
    settings: OpenDsrSettings
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Party:
    """A registered processor that speaks OpenDSR.

    What it announced is kept in the database, so that a callback usually causes no call. ``clock`` is the
    machine's, also where terms are tried under another time: certificates are of the world outside.
    """

    tools: Tools
    processor: Processor
    settings: OpenDsrSettings
    client: OpenDsrClient = field(repr=False)
    clock: Clock = system_clock

    @classmethod
    def of(cls, tools: Tools, processor: Processor) -> Self:
        """Return a processor as the register has it. Raises ConfigurationError."""
        settings = OpenDsrSettings.of(processor)
        return cls(tools=tools, processor=processor, settings=settings, client=OpenDsrClient.of(settings))

    @property
    def callback_url(self) -> str:
        """The only address that a callback to us may name."""
        return f"{self.tools.settings.public_url}/{self.tools.name}/v1/opendsr/callbacks"

    def announced(self) -> Announcement:
        """Return what it announced, asked again each day. Raises RetryableError or PermanentError."""
        kept = self._kept()
        return kept if kept and kept.fetched_at > self.clock() - LASTS else self.ask_again()

    def ask_again(self) -> Announcement:
        """Ask what it announces now, and keep it."""
        discovery, chain = self.client.discover()
        certificates, fetched_at = chain.replace("\0", ""), self.clock()
        row = {"discovery": discovery, "certificates": certificates, "fetched_at": fetched_at}
        with self.tools.database.transaction() as session:
            insert = insert_into(session, opendsr_announcements).values(processor=self.processor.id, **row)
            session.execute(insert.on_conflict_do_update(index_elements=["processor"], set_=row))
        return _announcement(discovery, certificates, fetched_at)

    def prove(self, headers: Headers, body: bytes, *, sparing: bool = False) -> Proof:
        """Check that the processor signed these bytes; when its known certificate fails, ask once for another.

        ``sparing`` does not ask again within a minute: anybody can post a bad signature. Raises UnprovenError,
        and what the calls raise.
        """
        signed = read_signed(headers, body)
        if signed.domain != self.settings.domain:
            raise UnprovenError("It is signed for another domain.")
        kept = self._kept()
        if kept is not None:
            try:
                return self._proven(signed, kept)
            except UnprovenError:
                if sparing and kept.fetched_at > self.clock() - SPARING:
                    raise
        return self._proven(signed, self.ask_again())

    def _proven(self, signed: Signed, announcement: Announcement) -> Proof:
        now = self.clock()
        chain = announcement.certificates
        certificate = check_chain(chain, self.settings.authority, self.settings.domain, now)
        check_signature(signed, certificate, self.settings.padding)
        return Proof(signed, chain, self.settings, now)

    def _kept(self) -> Announcement | None:
        query = sa.select(opendsr_announcements).where(opendsr_announcements.c.processor == self.processor.id)
        with self.tools.database.reading() as session:
            row = session.execute(query).mappings().first()
        return _announcement(row["discovery"], row["certificates"], row["fetched_at"]) if row else None


def _announcement(discovery: str, certificates: str, fetched_at: datetime) -> Announcement:
    return Announcement(read_discovery(discovery.encode()), certificates, fetched_at)
